// Asks peers questions and tells how long each answer took: what a client costs is nobody's merit, so it is as thin as
// can be.
//
// Reads tasks from stdin, a line of JSON each, and answers each with a line:
//
//	{"ports": [9090, …], "bodies": ["query=up&…", …], "clients": 1, "rounds": 5}
//	{"seconds": 8, …}   instead of rounds: all bodies in turn until the time is over
//
// One client asks a question after the other and the peers in turn, so that a noisy machine is noisy for all. Several
// clients share the questions of one peer as the connections of a browser do, then those of the next peer. The answer has
// the seconds of each question, by peer, question and round, and of all questions together, by peer and round.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

type task struct {
	Ports   []int    `json:"ports"`
	Bodies  []string `json:"bodies"`
	Clients int      `json:"clients"`
	Rounds  int      `json:"rounds"`
	Seconds float64  `json:"seconds"`
}

type result struct {
	Times [][][]float64 `json:"times"`
	Pages [][]float64   `json:"pages"`
}

// client is one lasting connection.
type client struct {
	connection net.Conn
	reader     *bufio.Reader
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked task
		check(json.Unmarshal(lines.Bytes(), &asked))
		check(answers.Encode(asked.run()))
	}
	check(lines.Err())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func connect(port int) *client {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	check(err)
	return &client{connection, bufio.NewReaderSize(connection, 256<<10)}
}

// ask returns the seconds from the question to the end of the answer.
func (own *client) ask(body string) float64 {
	request := fmt.Appendf(nil, "POST /api/v1/query_range HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	begin := time.Now()
	_, err := own.connection.Write(request)
	check(err)
	answer, err := http.ReadResponse(own.reader, nil)
	check(err)
	_, err = io.Copy(io.Discard, answer.Body)
	spent := time.Since(begin).Seconds()
	check(err)
	if answer.StatusCode != http.StatusOK {
		check(fmt.Errorf("%s: %s", body, answer.Status))
	}
	return spent
}

func (asked *task) run() *result {
	made := &result{Times: make([][][]float64, len(asked.Ports)), Pages: make([][]float64, len(asked.Ports))}
	pools := make([][]*client, len(asked.Ports))
	for place, port := range asked.Ports {
		made.Times[place] = make([][]float64, len(asked.Bodies))
		for range asked.Clients {
			pools[place] = append(pools[place], connect(port))
		}
		defer func() {
			for _, one := range pools[place] {
				_ = one.connection.Close()
			}
		}()
	}
	switch {
	case asked.Seconds > 0:
		for place, pool := range pools {
			made.Pages[place] = append(made.Pages[place], asked.until(pool, made.Times[place]))
		}
	case asked.Clients == 1:
		asked.inTurn(pools, made)
	default:
		for round := range asked.Rounds {
			for turn := range pools {
				place := (round + turn) % len(pools)
				made.Pages[place] = append(made.Pages[place], asked.page(pools[place], made.Times[place]))
			}
		}
	}
	return made
}

// inTurn asks all peers one question before the next one.
func (asked *task) inTurn(pools [][]*client, made *result) {
	for number, body := range asked.Bodies {
		for round := range asked.Rounds {
			for turn := range pools {
				place := (round + turn) % len(pools)
				made.Times[place][number] = append(made.Times[place][number], pools[place][0].ask(body))
			}
		}
	}
}

// page asks one peer all questions, shared among its clients, and returns the seconds until the last answer.
func (asked *task) page(pool []*client, times [][]float64) float64 {
	var group sync.WaitGroup
	var next atomic.Int64
	begin := time.Now()
	for _, own := range pool {
		group.Go(func() {
			for number := next.Add(1) - 1; number < int64(len(asked.Bodies)); number = next.Add(1) - 1 {
				times[number] = append(times[number], own.ask(asked.Bodies[number]))
			}
		})
	}
	group.Wait()
	return time.Since(begin).Seconds()
}

// until asks one peer for a while; all times belong to the first question then.
func (asked *task) until(pool []*client, times [][]float64) float64 {
	var group sync.WaitGroup
	var lock sync.Mutex
	begin := time.Now()
	for number, own := range pool {
		group.Go(func() {
			var spent []float64
			for turn := number; time.Since(begin).Seconds() < asked.Seconds; turn++ {
				spent = append(spent, own.ask(asked.Bodies[turn%len(asked.Bodies)]))
			}
			lock.Lock()
			times[0] = append(times[0], spent...)
			lock.Unlock()
		})
	}
	group.Wait()
	return time.Since(begin).Seconds()
}
