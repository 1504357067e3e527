package ops_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"odasync/internal/logtest"
	"odasync/internal/ops"
	"odasync/internal/testcheck"
)

// summary is a line with the number of discarded lines.
type summary struct {
	Level   string
	Of      string
	LeftOut int `json:"left_out"`
}

func summaries(t *testing.T, log string) (all []summary) {
	t.Helper()
	for line := range strings.Lines(log) {
		var s summary
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if s.LeftOut > 0 {
			all = append(all, s)
		}
	}
	return all
}

func TestRepeats_AreCutAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logtest.Buffer
		logs := ops.NewLogs(config(func(c *ops.Config) { c.Repeats = 3 }), &out)
		burst := func(n int) {
			for i := range n {
				logs.Logger.Info().Int("i", i).Msg("registry updated")
				logs.Logger.Warn().Msg("registry updated") // another level is another message
			}
		}
		burst(10)
		logs.Logger.Info().Msg("leading")
		for i := range 10 {
			logs.Logger.Error().Err(errors.New("rejected")).Int("i", i).Msg("message done")
		}
		expect := func(message string, lines int) {
			t.Helper()
			testcheck.Equal(t, fmt.Sprintf("lines of %q", message), lines, strings.Count(out.String(), `"message":"`+message+`"`))
		}
		expect("registry updated", 6)
		expect("leading", 1)
		expect("message done", 10) // each error may be the only word about its component
		testcheck.Empty(t, "summaries before the second is over", summaries(t, out.String()))
		time.Sleep(time.Second)
		synctest.Wait()
		told := fmt.Sprint(summaries(t, out.String()))
		if told != "[{info registry updated 7} {warn registry updated 7}]" && told != "[{warn registry updated 7} {info registry updated 7}]" {
			t.Errorf("told %s", told)
		}
		burst(1)
		expect("registry updated", 8)
	})
}

func TestRepeats_AreReportedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logtest.Buffer
		logs := ops.NewLogs(config(func(c *ops.Config) { c.Repeats = 1 }), &out)
		for range 5 {
			logs.Logger.Info().Msg("handed back")
		}
		logs.Flush()
		logs.Flush()
		time.Sleep(2 * time.Second) // nothing is told twice
		synctest.Wait()
		testcheck.Equal(t, "summaries", "[{info handed back 4}]", fmt.Sprint(summaries(t, out.String())))
	})
}

func TestRepeats_WithoutLimit(t *testing.T) {
	var out logtest.Buffer
	logs := ops.NewLogs(config(nil), &out) // a limit of 0
	for range 500 {
		logs.Logger.Info().Msg("registry updated")
	}
	testcheck.Equal(t, "lines", 500, strings.Count(out.String(), "registry updated"))
}

// Messages that are no constants do not fill the memory.
func TestRepeats_MemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logtest.Buffer
		logs := ops.NewLogs(config(func(c *ops.Config) { c.Repeats = 1 }), &out)
		for i := range 5000 {
			logs.Logger.Info().Msgf("object %d", i)
			if i%500 == 0 {
				time.Sleep(2 * time.Second)
			}
		}
		testcheck.Equal(t, "lines", 5000, strings.Count(out.String(), "object"))
		testcheck.AtMost(t, "remembered messages", 1500, logs.Bursts())
	})
}
