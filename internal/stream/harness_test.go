package stream_test

import (
	"testing"

	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

func TestMain(m *testing.M) { streamtest.VerifyTestMain(m) }

// Shorter names for what every test uses.
var (
	within        = streamtest.Within
	eventually    = testwait.Until
	waitConnected = streamtest.WaitConnected
	startLog      = streamtest.StartLog
	ensureLog     = streamtest.EnsureLog
	publish       = streamtest.Publish
	keyOf         = streamtest.Key
	upsert        = streamtest.Upsert
	js            = streamtest.JetStream
	says          = testcheck.ErrorContains
	seen          = streamtest.Time
)

const patience = streamtest.Patience

func must[T any](value T, err error) T { return testcheck.Must(value, err) }
