package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"odasync/test/procs"
)

// clockTick is Linux's unit of CPU time in /proc, the same on every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// cpu is the time that processes have computed for, in user and kernel mode.
func cpu(processes ...*procs.Process) (sum time.Duration, err error) {
	for _, p := range processes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
		if err != nil {
			return 0, fmt.Errorf("read the CPU time of %s, which needs Linux: %w", p.Spec.Name, err)
		}
		// The fields follow the program's name, which is in brackets and may hold any character: the state is the third.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		for _, field := range fields[11:13] {
			ticks, err := strconv.ParseInt(string(field), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read the CPU time of %s: %w", p.Spec.Name, err)
			}
			sum += time.Duration(ticks) * clockTick
		}
	}
	return sum, nil
}
