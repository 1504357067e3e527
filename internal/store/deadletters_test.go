package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/store/storetest"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func lettersOf(t testing.TB, conn *natsconn.Conn, target string) *store.DeadLetters {
	t.Helper()
	waitConnected(t, conn)
	letters := must(store.EnsureDeadLetters(within(t), conn, target))
	return letters
}

// rejected is a letter with every field set.
func rejected(of string, key component.Key) target.DeadLetter {
	e := upsert(key, "Complete")
	e.Sequence = 41
	return target.DeadLetter{
		Event: e, Target: of, Reason: target.ClassInvalid, Request: "POST /components/", Status: 422, Detail: "body.name: \"too\" long…",
		Attempts: 3, First: seen.Add(time.Nanosecond), Last: seen.Add(time.Hour),
	}
}

func put(t testing.TB, letters *store.DeadLetters, l target.DeadLetter) {
	t.Helper()
	testcheck.NoError(t, letters.Put(within(t), l))
}

// all reads the target's letters by their components, and what could not be decoded.
func all(t testing.TB, letters *store.DeadLetters) (found map[component.Key]target.DeadLetter, errs []error) {
	t.Helper()
	found = make(map[component.Key]target.DeadLetter)
	err := letters.All(within(t), func(d store.DeadLetter, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		l := storetest.DeadLetter(d)
		if _, twice := found[l.Event.Key]; twice {
			t.Errorf("%s comes twice", l.Event.Key)
		}
		found[l.Event.Key] = l
	})
	testcheck.NoError(t, err)
	return found, errs
}

// holds wants exactly these letters.
func holds(t testing.TB, letters *store.DeadLetters, want ...target.DeadLetter) {
	t.Helper()
	wanted := make(map[component.Key]target.DeadLetter)
	for _, l := range want {
		wanted[l.Event.Key] = l
	}
	got, errs := all(t, letters)
	if diff := cmp.Diff(wanted, got); diff != "" || len(errs) != 0 {
		t.Errorf("letters (-want +got):\n%s\nnot decoded: %v", diff, errs)
	}
}

func TestDeadLetters_KeepEveryField(t *testing.T) {
	t.Parallel()
	tombstone := rejected("default", keyOf("gone"))
	tombstone.Event = event.Tombstone(keyOf("gone"), "uid-gone", "7", seen)
	tombstone.Event.Sequence = 43
	unreadable := target.DeadLetter{
		Event: event.Event{Key: keyOf("junk"), Sequence: 44}, Target: "default", Reason: target.ClassMalformed, Request: "decode",
		Detail: "message 44: no JSON", Attempts: 1, First: seen, Last: seen,
	}
	letters := lettersOf(t, streamtest.Start(t).Conn(t), "default")
	holds(t, letters)
	want := []target.DeadLetter{rejected("default", keyOf("a")), rejected("default", keyOf("a.b.c")), tombstone, unreadable}
	for _, l := range want {
		put(t, letters, l)
	}
	holds(t, letters, want...)
}

func TestDeadLetters_ReplaceEachOther(t *testing.T) {
	s := streamtest.StartParallel(t)
	letters := lettersOf(t, s.Conn(t), "default")
	a, b := rejected("default", keyOf("a")), rejected("default", keyOf("a.b"))
	put(t, letters, a)
	put(t, letters, b)
	for attempt := range 5 {
		a.Attempts = attempt
		put(t, letters, a)
	}
	holds(t, letters, a, b)
	testcheck.Equal(t, "messages of the stream, one a component", 2, must(js(t, s).Stream(within(t), store.DeadLetterStream)).CachedInfo().State.Msgs)
	for range 2 { // none is success
		testcheck.ErrorIs(t, "remove", nil, letters.Remove(within(t), b.Event.Key, math.MaxUint64))
		holds(t, letters, a)
	}
	testcheck.ErrorIs(t, "remove", nil, letters.Remove(within(t), keyOf("never"), math.MaxUint64))
	put(t, letters, b) // the same content again within the time in which duplicates are recognised
	holds(t, letters, a, b)
}

func TestDeadLetters_TargetsAreSeparate(t *testing.T) {
	conn := streamtest.StartParallel(t).Conn(t)
	targets := []string{"a", "a.b", "b", "*", ">"}
	for _, target := range targets {
		put(t, lettersOf(t, conn, target), rejected(target, keyOf("c")))
	}
	for _, target := range targets {
		holds(t, lettersOf(t, conn, target), rejected(target, keyOf("c")))
	}
	testcheck.ErrorIs(t, "remove", nil, lettersOf(t, conn, "*").Remove(within(t), keyOf("c"), math.MaxUint64))
	for _, target := range targets {
		if target == "*" {
			holds(t, lettersOf(t, conn, target))
			continue
		}
		holds(t, lettersOf(t, conn, target), rejected(target, keyOf("c")))
	}
}

func TestDeadLetters_OmitALargeComponent(t *testing.T) {
	letters := lettersOf(t, streamtest.StartParallel(t, func(o *server.Options) { o.MaxPayload = 8192 }).Conn(t), "default")
	for size := 6000; size <= 9000; size += 100 { // over the limit, and near it on both sides
		l := rejected("default", keyOf("large"))
		l.Event.Component.DeploymentStatus = strings.Repeat("x", size)
		put(t, letters, l)
		got, _ := all(t, letters)
		if size == 6000 && got[keyOf("large")].Event.Component == nil {
			t.Error("a letter that fits lacks its component")
		}
		if size >= 8192 || got[keyOf("large")].Event.Component == nil {
			l.Event.Component = nil
		}
		holds(t, letters, l)
	}
}

func TestDeadLetters_AllReportsMalformedOnes(t *testing.T) {
	s := streamtest.StartParallel(t)
	letters := lettersOf(t, s.Conn(t), "default")
	put(t, letters, rejected("default", keyOf("a")))
	subject := event.DeadSubject("default", keyOf("junk"))
	sequence := must(js(t, s).Publish(within(t), subject, []byte(`{"status":"x"}`))).Sequence
	got, errs := all(t, letters)
	if len(got) != 1 || len(errs) != 1 {
		t.Fatalf("letters %v, not decoded %v, want one of each", got, errs)
	}
	says(t, errs[0], fmt.Sprintf("dead letter %d of %s", sequence, subject))
	testcheck.ErrorIs(t, "remove", nil, letters.Remove(within(t), keyOf("junk"), math.MaxUint64))
	holds(t, letters, rejected("default", keyOf("a")))
}

func TestDeadLetters_Open(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		there *jetstream.StreamConfig
		words []string
	}{
		"missing": {nil, []string{"stream ODA_DEAD_LETTERS does not exist yet: start a syncer"}},
		"of another program": {&jetstream.StreamConfig{Name: store.DeadLetterStream, Subjects: []string{"orders.>"}},
			[]string{"ODA_DEAD_LETTERS exists but is not odasync's", "orders.>", "nats stream rm ODA_DEAD_LETTERS"}},
		"of a newer layout": {&jetstream.StreamConfig{Name: store.DeadLetterStream, Metadata: map[string]string{
			"odasync.purpose": "dead letters", "odasync.layout": "2"}}, []string{`layout "2"`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := streamtest.StartParallel(t)
			conn := s.Conn(t)
			waitConnected(t, conn)
			if test.there != nil {
				before := must(js(t, s).CreateStream(within(t), *test.there)).CachedInfo().Config
				_, err := store.EnsureDeadLetters(within(t), conn, "default")
				says(t, err, test.words...)
				after := must(js(t, s).Stream(within(t), store.DeadLetterStream)).CachedInfo().Config
				testcheck.Equal(t, "the stream, before (-) and after (+)", before, after)
			}
			_, err := store.OpenDeadLetters(within(t), conn, "default")
			says(t, err, test.words...)
		})
	}
	t.Run("there", func(t *testing.T) {
		s := streamtest.StartParallel(t)
		put(t, lettersOf(t, s.Conn(t), "default"), rejected("default", keyOf("a")))
		opened := must(store.OpenDeadLetters(within(t), s.Conn(t), "default"))
		holds(t, opened, rejected("default", keyOf("a")))
	})
}

func TestDeadLetters_PutAtOnce(t *testing.T) {
	s := streamtest.StartParallel(t)
	var group errgroup.Group
	for range 4 {
		letters := lettersOf(t, s.Conn(t), "default")
		group.Go(func() error {
			for i := range 25 {
				err := letters.Put(context.Background(), rejected("default", keyOf(fmt.Sprint("c", i))))
				if err != nil && !errors.Is(err, target.ErrConflict) { // or another one was faster
					return err
				}
			}
			return nil
		})
	}
	testcheck.NoError(t, group.Wait())
	var want []target.DeadLetter
	for i := range 25 {
		want = append(want, rejected("default", keyOf(fmt.Sprint("c", i))))
	}
	holds(t, lettersOf(t, s.Conn(t), "default"), want...)
}

func TestDeadLetters_SurviveARestart(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	letters := lettersOf(t, conn, "default")
	put(t, letters, rejected("default", keyOf("a")))
	s.Restart(t)
	waitConnected(t, conn)
	holds(t, letters, rejected("default", keyOf("a")))
}
