package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The range that free ports are taken from. It lies below the range that
// systems give to outgoing connections: while a server restarts, a client that
// keeps dialling its port could otherwise be given that very port as its own
// and hold it.
const (
	firstPort = 20000
	lastPort  = 29999
)

// choosePorts returns the wanted ports after checking that they are free, with
// a different free one in place of each 0. They are held until all are chosen.
func choosePorts(wanted ...int) ([]int, error) {
	ports := make([]int, 0, len(wanted))
	for _, port := range wanted {
		listener, err := listen(port)
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func listen(port int) (net.Listener, error) {
	if port != 0 {
		listener, err := net.Listen("tcp4", hostPort(port))
		if err != nil {
			return nil, fmt.Errorf("check port %d: %w: choose another or leave the choice to devcluster", port, err)
		}
		return listener, nil
	}
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if listener, err := net.Listen("tcp4", hostPort(port)); err == nil {
			return listener, nil
		}
	}
	return nil, errors.New("find a free port: 100 random ports were all taken")
}

func hostPort(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
