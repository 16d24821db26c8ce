// What it decides: nothing. It is the command that every contender runs, and the stopwatch of launches and of scrapes. In
// Go, because it is up within a millisecond and both of its clocks are read by one system call each.
// What it does not know: which contender runs it, or why it is ended.
// To check: a stamp is one append to a file, so that two of these can write to one file; it outlives nobody for long.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
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
	case "scrape": // address count milliseconds: so many requests, one begun each so many; how long each took
		count, _ := strconv.Atoi(os.Args[3])
		every, _ := strconv.Atoi(os.Args[4])
		took := make([]int64, count)
		for i, tick := 0, time.NewTicker(time.Duration(every)*time.Millisecond); i < count; i++ {
			<-tick.C
			begun := clock(monotonic)
			scrape(os.Args[2])
			took[i] = clock(monotonic) - begun
		}
		json.NewEncoder(os.Stdout).Encode(took)
	}
}

// Over a connection of its own, until the server has closed it.
func scrape(address string) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", address)
	answer, err := io.ReadAll(connection)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
		panic(fmt.Sprint("no metrics: ", err, string(answer)))
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
