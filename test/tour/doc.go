// Package tour runs the commands of docs/tour.md in their order and compares what they print, so that the page stays true. Times,
// durations, ids and ports may differ.
//
//	go test ./test/tour            # run the tour
//	go test ./test/tour -update    # write the output into the page, and the picture for the README
package tour
