// kubectl itself: what k8s.io/kubernetes/cmd/kubectl is, without the rest of that module. The version of what it is made
// of, and so of what test/kube-api/config/kubectl.test.ts holds leader-run against, is that of go.mod.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"

	// For the auth-provider oidc, and to say what has become of the others.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
	os.Exit(0)
}
