// Command bench measures Signet as its users meet it: the real server in a process of its own,
// a real PostgreSQL, requests over loopback. Beside every figure it measures, in the same run,
// what could be reached at all.
package main

import (
	"fmt"

	_ "github.com/HdrHistogram/hdrhistogram-go"
	_ "github.com/signet-id/signet/internal/app"
	_ "github.com/spf13/cobra"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/term"
)

func main() { fmt.Println("bench") }
