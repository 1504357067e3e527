package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"odasync/internal/refregistry/faults"
	"odasync/internal/testcheck"
	"odasync/test/testenv"
)

// TestRejected_OneAmongMany lets the registry reject one component of 500. It alone becomes a dead letter, and the others are
// applied without delay. It is applied once it is corrected in the cluster, or retried after a change of the registry.
func TestRejected_OneAmongMany(t *testing.T) {
	const count, namespace, detail, atMost = 500, "faults-rejected", "the registry accepts no such name", 2 * time.Second
	f := newFleet(t, namespace)
	var tolerant atomic.Bool
	f.Registry.SetFault(func(r *http.Request) *faults.Fault {
		if tolerant.Load() || r.Method != http.MethodPost || r.URL.Path != "/exposed-apis/" {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Contains(body, []byte("offending")) {
			return nil
		}
		return &faults.Fault{Status: http.StatusUnprocessableEntity, Body: `{"detail":[{"loc":["body","name"],"msg":"` + detail + `"}]}`}
	})
	f.Apply(testenv.Component(namespace, "bad", "1", "offending"))
	for i := range count - 1 {
		f.apply(fmt.Sprintf("good-%d", i), "1")
	}
	began := time.Now()
	f.watch(1, nil)
	f.sync(2, nil)
	f.Eventually(2*testenv.Timeout, "the others are applied", func() error {
		if have := len(f.Registry.Snapshot().APIs); have != count-1 {
			return fmt.Errorf("%d exposed APIs, want %d", have, count-1)
		}
		return nil
	})
	t.Logf("%d components applied in %s beside one that is rejected", count-1, time.Since(began).Round(10*time.Millisecond))
	f.expectDeadLetters(namespace + "/bad")
	testcheck.Contains(t, "ctl dlq list", f.MustCTL(0, "dlq list"), detail, "422")

	var slowest time.Duration
	for version := 2; version < 12; version++ {
		f.Apply(testenv.Component(namespace, "bad", fmt.Sprint(version), "offending"))
		began := time.Now()
		f.apply("good-1", fmt.Sprint(version))
		f.Eventually(testenv.Timeout, "another component is applied", func() error { return f.expectVersion("good-1", fmt.Sprint(version)) })
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("the slowest change of another component took %s", slowest.Round(time.Millisecond))
	testcheck.AtMost(t, "time of another component", atMost, slowest)
	f.expectDeadLetters(namespace + "/bad")

	f.Apply(testenv.Component(namespace, "bad", "20", "inoffensive"))
	f.AwaitInSync(testenv.Timeout)
	f.expectDeadLetters()

	f.Apply(testenv.Component(namespace, "bad", "21", "offending"))
	f.expectDeadLetters(namespace + "/bad")
	f.MustCTL(1, "dlq retry bad")
	tolerant.Store(true)
	f.MustCTL(0, "dlq retry bad")
	f.expectDeadLetters()
	f.AwaitInSync(testenv.Timeout)
}

// expectDeadLetters waits until ctl lists exactly the dead letters of these components.
func (f *fleet) expectDeadLetters(want ...string) {
	f.Helper()
	f.expectDeadLettersWithin(testenv.Timeout, func() {}, want...)
}

// expectDeadLettersWithin is expectDeadLetters with a limit, and with a check to make meanwhile.
func (f *fleet) expectDeadLettersWithin(limit time.Duration, meanwhile func(), want ...string) {
	f.Helper()
	f.Eventually(limit, "the dead letters", func() error {
		meanwhile()
		got := f.MustCTL(0, "dlq list -o name")
		if strings.TrimSpace(got) != strings.Join(want, "\n") && (len(want) > 0 || !strings.Contains(got, "no dead letters") && got != "") {
			return errors.New("ctl dlq list prints:\n" + got)
		}
		return nil
	})
}
