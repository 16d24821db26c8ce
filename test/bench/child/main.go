// What it decides: nothing. It is the command that every contender runs, and the stopwatch of launches. In Go, because
// it is up within a millisecond and both of its clocks are read by one system call each.
// What it does not know: which contender runs it, or why it is ended.
// To check: a stamp is one append to a file, so that two of these can write to one file; it outlives nobody for long.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
	"unsafe"
)

// Should everybody forget about it.
const longestLife = 3 * time.Hour

func main() {
	switch os.Args[1] {
	case "work": // file name: from the start until SIGTERM or SIGUSR1
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGTERM, syscall.SIGUSR1)
		stamp("start")
		select {
		case <-ended:
		case <-time.After(longestLife):
		}
		stamp("end")
	case "once": // file name
		stamp("start")
	case "launch": // command args: the stopwatch
		command := exec.Command(os.Args[2], os.Args[3:]...)
		command.Stderr = os.Stderr
		begun := clock(monotonic)
		err := command.Run()
		ended := clock(monotonic)
		if command.ProcessState == nil {
			panic(err)
		}
		// Its own and that of the processes that it waited for.
		cpu := command.ProcessState.UserTime() + command.ProcessState.SystemTime()
		fmt.Printf("{\"begun\":%d,\"ended\":%d,\"cpu\":%d,\"failed\":%t}\n", begun, ended, cpu.Nanoseconds(), err != nil)
	}
}

func stamp(kind string) {
	// The time first: what follows it is the contender's, not ours.
	mono, wall := clock(monotonic), clock(realtime)
	file, err := os.OpenFile(os.Args[2], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(file, "%s %s %d %d %d\n", kind, os.Args[3], os.Getpid(), mono, wall)
	file.Close()
}

const realtime, monotonic = 0, 1

// Nanoseconds. Node's process.hrtime.bigint() is the same clock as `monotonic`.
func clock(id uintptr) int64 {
	var now syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&now)), 0); errno != 0 {
		panic(errno)
	}
	return now.Nano()
}
