// main.go: the rows of the comparison as goroutines and channels.
//
// usage: peer ROW THREADS N      prints "ROW THREADS N SECONDS [BYTES]"
//
// An actor is a goroutine and the channel it reads, which is as near as Go comes. What
// differs from an actor: a mailbox is bounded, and a sender waits while it is full.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// trial is one run: what it was asked for, and what it found.
type trial struct {
	n          int // operations
	start, end time.Time
	bytes      int // growth of the resident set, where a row measures that
}

func (t *trial) begin()  { t.start = time.Now() }
func (t *trial) finish() { t.end = time.Now() }

type row struct {
	whole func(n int) int // the most operations up to n that make a whole game
	play  func(t *trial) error
}

var rows = map[string]row{
	"pingpong":            {multiple(2), pingpong},
	"pairs":               {multiple(2 * pairs), manyPairs},
	"threadring":          {multiple(1), threadring},
	"counting":            {multiple(1), counting},
	"counting-rounds":     {multiple(round), countingRounds},
	"fanin":               {multiple(producers), fanin},
	"fanin-rounds":        {multiple(round), faninRounds},
	"fjthroughput":        {multiple(workers), fjthroughput},
	"fjthroughput-rounds": {multiple(round / workers * workers), fjthroughputRounds},
	"spawn":               {multiple(1), spawn},
	"fjcreate":            {multiple(1), fjcreate},
	"skynet":              {powerOfTen, skynet},
	"memory":              {multiple(1), memory},
	"big":                 {multiple(2 * bigActors), big},
	"chameneos":           {multiple(1), chameneos},
}

func multiple(unit int) func(int) int {
	return func(n int) int { return n / unit * unit }
}

func powerOfTen(n int) int {
	power := 1
	for power <= n/10 {
		power *= 10
	}
	return power
}

// expect is how a row checks what it found.
func expect(what string, got, want int) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("wrong %s: %d instead of %d", what, got, want)
}

func refuse(reason string) {
	fmt.Fprintf(os.Stderr, "peer: %s (usage: peer ROW THREADS N)\n", reason)
	os.Exit(2)
}

func number(text string, max int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > max {
		refuse(fmt.Sprintf("a number from 1 to %d, not %q", max, text))
	}
	return n
}

func main() {
	if len(os.Args) != 4 {
		refuse("three arguments")
	}
	row, known := rows[os.Args[1]]
	if !known {
		refuse(fmt.Sprintf("unknown row %q", os.Args[1]))
	}
	threads := number(os.Args[2], 1024)
	t := trial{n: row.whole(number(os.Args[3], 1_000_000_000))}
	if t.n == 0 {
		refuse("N is too small for one game of " + os.Args[1])
	}
	runtime.GOMAXPROCS(threads)
	if err := row.play(&t); err != nil {
		fmt.Fprintf(os.Stderr, "peer: %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	fmt.Printf("%s %d %d %.9f", os.Args[1], threads, t.n, t.end.Sub(t.start).Seconds())
	if t.bytes != 0 {
		fmt.Printf(" %d", t.bytes)
	}
	fmt.Println()
}
