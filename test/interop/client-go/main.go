// What it decides: how a stock client-go candidate behaves that runs a command while it leads. It is the peer
// that leader-run is compared with and shares locks with, so it uses client-go's election exactly as it is.
// The same text is built with two releases: go.mod has today's, v0.20.mod the last line with all kinds of locks.
// What it does not know: leader-run's rules. With -release-on-cancel it gives the Lease back before its child
// has ended, because client-go does; do not repair that here.
// To check: it never exits before its child has ended, and every line that it prints itself is one JSON object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig file")
	lock := flag.String("lock", "", "namespace/name of the lock")
	kind := flag.String("lock-kind", resourcelock.LeasesResourceLock, "what this release of client-go knows")
	identity := flag.String("identity", "", "this candidate's name in the record")
	leaseDuration := flag.Duration("lease-duration", 15*time.Second, "")
	renewDeadline := flag.Duration("renew-deadline", 10*time.Second, "")
	retryPeriod := flag.Duration("retry-period", 2*time.Second, "")
	releaseOnCancel := flag.Bool("release-on-cancel", false, "empty the holder when stopped")
	flag.Parse()
	namespace, name, ok := strings.Cut(*lock, "/")
	if !ok || *identity == "" || flag.NArg() == 0 {
		fail(errors.New("want -lock namespace/name -identity x -- command args"))
	}

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	fail(err)
	// Kubernetes' own components go through this constructor: it limits each request to half the renew deadline.
	resource, err := resourcelock.NewFromKubeconfig(*kind, namespace, name,
		resourcelock.ResourceLockConfig{Identity: *identity}, config, *renewDeadline)
	fail(err)

	asked, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	ctx, cancel := context.WithCancel(asked)
	var child child
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: resource, LeaseDuration: *leaseDuration, RenewDeadline: *renewDeadline, RetryPeriod: *retryPeriod,
		ReleaseOnCancel: *releaseOnCancel, Name: name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) {
				say("started-leading", nil)
				child.run(leading, flag.Args())
				cancel()
			},
			OnStoppedLeading: func() { say("stopped-leading", nil) },
			OnNewLeader:      func(leader string) { say("new-leader", map[string]any{"leader": leader}) },
		},
	})
	fail(err)
	elector.Run(ctx)
	os.Exit(child.wait())
}

// client-go starts OnStartedLeading in a goroutine and does not wait for it, so Run may return before the
// callback has begun; the mutex decides which of the two came first.
type child struct {
	mutex   sync.Mutex
	ended   chan struct{}
	refused bool
	status  int
}

func (c *child) run(leading context.Context, args []string) {
	c.mutex.Lock()
	if c.refused {
		c.mutex.Unlock()
		return
	}
	c.ended = make(chan struct{})
	defer close(c.ended)
	c.mutex.Unlock()

	command := exec.CommandContext(leading, args[0], args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	if err := command.Start(); err != nil {
		say("child-failed", map[string]any{"error": err.Error()})
		c.status = 127
		return
	}
	say("child-started", map[string]any{"pid": command.Process.Pid})
	_ = command.Wait() // The status below says all that the error would.
	c.status = command.ProcessState.ExitCode()
	if wait, ok := command.ProcessState.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		c.status = 128 + int(wait.Signal())
	}
	say("child-ended", map[string]any{"status": c.status})
}

func (c *child) wait() int {
	c.mutex.Lock()
	c.refused = true
	ended := c.ended
	c.mutex.Unlock()
	if ended != nil {
		<-ended
	}
	return c.status
}

var speech sync.Mutex

func say(event string, more map[string]any) {
	line := map[string]any{"event": event, "at": time.Now().UTC().Format(time.RFC3339Nano)}
	for key, value := range more {
		line[key] = value
	}
	text, err := json.Marshal(line)
	fail(err)
	speech.Lock()
	defer speech.Unlock()
	fmt.Fprintln(os.Stderr, string(text))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "client-go-elector:", err)
		os.Exit(2)
	}
}
