package tmf639_test

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/testcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) (*refregistry.Server, *registrytest.Client) {
	t.Helper()
	return registrytest.Start(t, refregistry.Config{API: refregistry.TMF639})
}

// reference is the resourceRelationship of an API that a Component exposes.
func reference(id string) string {
	return `[{"@type":"ResourceRelationship","relationshipType":"exposedBy","id":"expby","resource":{"@type":"ResourceRef","id":"` + id + `"}}]`
}

// seed creates a Component, self:shop, and an API of it, self:shop-orders.
func seed(c *registrytest.Client) {
	c.Helper()
	c.Expect(201, "POST", "/resource",
		`{"id":"self:shop","resourceVersion":"1","@type":"LogicalResource","name":"shop","category":"ODAComponent"}`)
	c.Expect(201, "POST", "/resource",
		`{"id":"self:shop-orders","resourceVersion":"2","@type":"LogicalResource","name":"shop-orders","category":"API",`+
			`"resourceRelationship":`+reference("self:shop")+`}`)
}

const (
	shop = `{"resourceVersion":"1","@type":"LogicalResource","name":"shop","category":"ODAComponent",` +
		`"id":"self:shop","href":"http://registry/resource/self:shop"}`
	linkToShop = `[{"@type":"ResourceRelationship","relationshipType":"exposedBy",` +
		`"resource":{"id":"self:shop","href":"http://registry/resource/self:shop","@type":"LogicalResource"}}]`
	linkToNothing = `[{"@type":"ResourceRelationship","relationshipType":"exposedBy","resource":{"id":null,"href":"http://registry/resource/None"}}]`
	orders        = `{"resourceVersion":"2","@type":"LogicalResource","name":"shop-orders","category":"API",` +
		`"id":"self:shop-orders","href":"http://registry/resource/self:shop-orders","resourceRelationship":`
)

// call sends a request with the Host "registry", which answers repeat.
func call(c *registrytest.Client, method, path, body string) registrytest.Response {
	c.Helper()
	req := c.Request(method, path, body)
	req.Host = "registry"
	return c.Answer(req)
}

// want requires a status and a body.
func want(c *registrytest.Client, method, path, body string, status int, answer string) {
	c.Helper()
	got := call(c, method, path, body)
	testcheck.Equal(c, fmt.Sprintf("%s %s: status", method, path), status, got.Status)
	registrytest.Same(c, answer, got.Body)
}
