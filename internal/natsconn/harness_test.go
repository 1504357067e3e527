package natsconn_test

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
	says          = testcheck.ErrorContains
)

const patience = streamtest.Patience
