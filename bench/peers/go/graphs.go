// graphs.go: messages across a graph: big, chameneos.
package main

const (
	bigActors = 120
	creatures = 100
)

type bigMessage struct {
	isPong bool
	from   int
}

// At most one ping of each actor is under way, and one pong: no mailbox is ever full.
func big(t *trial) error {
	finished := make(chan int, bigActors)
	actors := make([]chan bigMessage, bigActors)
	for i := range actors {
		actors[i] = make(chan bigMessage, bigActors+1)
	}
	for i := range actors {
		go bigActor(i, t.n/(2*bigActors), actors, finished)
	}
	t.begin()
	for _, a := range actors {
		a <- bigMessage{isPong: true, from: -1}
	}
	pongs := 0
	for range actors {
		pongs += <-finished
	}
	t.finish()
	return expect("number of pongs", 2*pongs, t.n)
}

// bigActor sends its next ping, to an actor drawn by Savina's generator, when a pong
// comes. The first pong only starts it.
func bigActor(me, pings int, actors []chan bigMessage, finished chan<- int) {
	random, sent := uint32(me), 0
	for m := range actors[me] {
		if !m.isPong {
			actors[m.from] <- bigMessage{isPong: true, from: me}
		} else if sent < pings {
			sent++
			random = (random*1309 + 13849) & 65535
			actors[random%bigActors] <- bigMessage{from: me}
		} else {
			finished <- sent
		}
	}
}

type creatureMessage struct {
	kind  int
	value int // a color, or the number of meetings
	from  chan creatureMessage
}

const (
	meet = iota
	change
	report
)

func mix(a, b int) int {
	if a == b {
		return a
	}
	return 3 - a - b
}

func creature(color int, mall chan<- creatureMessage) {
	self := make(chan creatureMessage, 4)
	meetings := 0
	mall <- creatureMessage{meet, color, self}
	for m := range self {
		switch m.kind {
		case meet:
			color = mix(color, m.value)
			m.from <- creatureMessage{change, color, nil}
		case change:
			color = m.value
		case report:
			mall <- creatureMessage{report, meetings, nil}
			return
		}
		meetings++
		mall <- creatureMessage{meet, color, self}
	}
}

func chameneos(t *trial) error {
	mall := make(chan creatureMessage, 2*creatures)
	t.begin()
	for i := 0; i < creatures; i++ {
		go creature(i%3, mall)
	}
	var waiting chan creatureMessage
	meetings := 0
	for left, reports := t.n, 0; reports < creatures; {
		m := <-mall
		switch {
		case m.kind == report:
			reports++
			meetings += m.value
		case left == 0:
			m.from <- creatureMessage{kind: report}
		case waiting == nil:
			waiting = m.from
		default:
			left--
			waiting <- m
			waiting = nil
		}
	}
	t.finish()
	return expect("number of meetings", meetings, 2*t.n)
}
