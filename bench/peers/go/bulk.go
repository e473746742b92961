// bulk.go: many messages one way: counting, fanin, fjthroughput.
package main

const (
	mailbox   = 1024 // messages that a mailbox holds
	producers = 100
	workers   = 60
	round     = 10000
	query     = 0 // asks a counter for its sum
)

func counting(t *trial) error       { return count(t, t.n) }
func countingRounds(t *trial) error { return count(t, round) }

func count(t *trial, round int) error {
	increments := make(chan int, mailbox)
	answers := make(chan int)
	go func() {
		sum := 0
		for by := range increments {
			if by == query {
				answers <- sum
			}
			sum += by
		}
	}()
	sum := 0
	t.begin()
	for sent := 0; sent < t.n; sent += round {
		for i := 0; i < round; i++ {
			increments <- 1
		}
		increments <- query
		sum = <-answers
	}
	t.finish()
	return expect("sum", sum, t.n)
}

// collect adds up what comes in, and reports the sum after each share.
func collect(in <-chan int, share int, reports chan<- int) {
	for sum := 0; ; {
		for i := 0; i < share; i++ {
			sum += <-in
		}
		reports <- sum
		sum = 0
	}
}

func fanin(t *trial) error       { return playFanin(t, t.n) }
func faninRounds(t *trial) error { return playFanin(t, round) }

func playFanin(t *trial, round int) error {
	items := make(chan int, mailbox)
	reports := make(chan int)
	go collect(items, round, reports)
	starts := make([]chan int, producers)
	for i := range starts {
		starts[i] = make(chan int, 1)
		go func(in <-chan int) {
			for share := range in {
				for value := 1; value <= share; value++ {
					items <- value
				}
			}
		}(starts[i])
	}
	share := round / producers
	sum := 0
	t.begin()
	for sent := 0; sent < t.n; sent += round {
		for _, s := range starts {
			s <- share
		}
		sum += <-reports
	}
	t.finish()
	return expect("sum", sum, t.n*(share+1)/2)
}

func fjthroughput(t *trial) error       { return playFork(t, t.n) }
func fjthroughputRounds(t *trial) error { return playFork(t, round/workers*workers) }

func playFork(t *trial, round int) error {
	reports := make(chan int, workers)
	boxes := make([]chan int, workers)
	for i := range boxes {
		boxes[i] = make(chan int, mailbox)
		go collect(boxes[i], round/workers, reports)
	}
	sum := 0
	t.begin()
	for sent := 0; sent < t.n; {
		for i := 0; i < round/workers; i++ {
			for _, box := range boxes {
				box <- sent
				sent++
			}
		}
		for range boxes {
			sum += <-reports
		}
	}
	t.finish()
	return expect("sum", sum, t.n*(t.n-1)/2)
}
