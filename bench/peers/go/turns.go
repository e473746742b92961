// turns.go: few messages, many turns: pingpong, pairs, threadring.
package main

const (
	pairs = 1000
	ring  = 100
)

func pingpong(t *trial) error  { return playPairs(t, 1) }
func manyPairs(t *trial) error { return playPairs(t, pairs) }

func ponger(in <-chan int, out chan<- int) {
	for left := range in {
		out <- left - 1
	}
}

// pinger is first told how many balls to play, both ways.
func pinger(in <-chan int, out chan<- int, finished chan<- int) {
	caught := 0
	for left := <-in; left > 0; caught++ {
		out <- left - 1
		left = <-in
	}
	close(out)
	finished <- 2 * caught
}

func playPairs(t *trial, count int) error {
	finished := make(chan int, count)
	pingers := make([]chan int, count)
	for i := range pingers {
		pingers[i] = make(chan int)
		toPonger := make(chan int)
		go ponger(toPonger, pingers[i])
		go pinger(pingers[i], toPonger, finished)
	}
	t.begin()
	for _, p := range pingers {
		p <- t.n / count
	}
	balls := 0
	for range pingers {
		balls += <-finished
	}
	t.finish()
	return expect("number of balls", balls, t.n)
}

func threadring(t *trial) error {
	arrived := make(chan int)
	members := make([]chan int, ring)
	for i := range members {
		members[i] = make(chan int)
	}
	for i := range members {
		go func(me int, next chan<- int) {
			for left := range members[me] {
				if left > 0 {
					next <- left - 1
				} else {
					arrived <- me
				}
			}
		}(i, members[(i+1)%ring])
	}
	t.begin()
	members[0] <- t.n - 1
	last := <-arrived
	t.finish()
	return expect("last member", last, (t.n-1)%ring)
}
