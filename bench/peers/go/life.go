// life.go: actors that come and go: spawn, fjcreate, skynet, memory.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"
)

const wave = 1000

// The master's mailbox has room for every answer: it reads none before it has made all.
func spawn(t *trial) error {
	done := make(chan int, t.n)
	t.begin()
	for i := 0; i < t.n; i++ {
		work := make(chan int, 1)
		go func() { done <- <-work }()
		work <- i
	}
	sum := 0
	for i := 0; i < t.n; i++ {
		sum += <-done
	}
	t.finish()
	return expect("sum", sum, t.n*(t.n-1)/2)
}

// A WaitGroup is Go's way of waiting for goroutines that say nothing.
func fjcreate(t *trial) error {
	var living sync.WaitGroup
	living.Add(t.n)
	handled := make([]bool, t.n)
	t.begin()
	for i := 0; i < t.n; i++ {
		work := make(chan int, 1)
		go func() {
			handled[<-work] = true
			living.Done()
		}()
		work <- i
	}
	living.Wait()
	t.finish()
	count := 0
	for _, h := range handled {
		if h {
			count++
		}
	}
	return expect("number of actors", count, t.n)
}

func skynet(t *trial) error {
	up := make(chan int, 1)
	t.begin()
	go sky(up, 0, t.n)
	sum := <-up
	t.finish()
	return expect("sum", sum, t.n*(t.n-1)/2)
}

// sky sends its number, or the sum of its ten children, up.
func sky(up chan<- int, number, size int) {
	if size == 1 {
		up <- number
		return
	}
	children := make(chan int, 10)
	for i := 0; i < 10; i++ {
		go sky(children, number+i*size/10, size/10)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-children
	}
	up <- sum
}

// resident is the bytes of RAM that this process holds, after a garbage collection that
// gives back what it can.
func resident() (int, error) {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var total, pages int
	_, err = fmt.Sscan(string(text), &total, &pages)
	return pages * os.Getpagesize(), err
}

func idler(in <-chan int, started chan<- int, state [2]int) {
	started <- state[0]
	for x := range in {
		state[x%2]++
	}
}

// Somebody must know an actor's channel, so 8 bytes of each are the master's table.
func memory(t *trial) error {
	started := make(chan int, wave)
	actors := make([]chan int, t.n)
	before, err := resident()
	if err != nil {
		return err
	}
	sum := 0
	t.begin()
	for count := 0; count < t.n; {
		last := count + wave
		if last > t.n {
			last = t.n
		}
		for i := count; i < last; i++ {
			actors[i] = make(chan int)
			go idler(actors[i], started, [2]int{i, 0})
		}
		for ; count < last; count++ {
			sum += <-started
		}
	}
	t.finish()
	after, err := resident()
	if err != nil {
		return err
	}
	t.bytes = after - before
	for _, a := range actors {
		close(a) // until here they could be told something
	}
	return expect("sum", sum, t.n*(t.n-1)/2)
}
