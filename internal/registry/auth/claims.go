package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Claims are what a token says of itself. Its signature is not checked: they are for messages.
type Claims struct {
	Readable bool // false for a token that is no JWT
	Issuer   string
	Audience []string
	Expiry   time.Time
	// Roles are those of each client; nil where the token has no claim about them.
	Roles map[string][]string
}

func decode(token string) (c Claims) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return c
	}
	var raw struct {
		Issuer   string          `json:"iss"`
		Audience json.RawMessage `json:"aud"` // a string or a list
		Expiry   float64         `json:"exp"`
		Access   map[string]struct {
			Roles []string `json:"roles"`
		} `json:"resource_access"`
	}
	if json.Unmarshal(payload, &raw) != nil {
		return c
	}
	c.Readable, c.Issuer = true, raw.Issuer
	if raw.Expiry > 0 {
		c.Expiry = time.Unix(int64(raw.Expiry), 0).UTC()
	}
	var one string
	if json.Unmarshal(raw.Audience, &one) == nil {
		c.Audience = []string{one}
	} else {
		_ = json.Unmarshal(raw.Audience, &c.Audience) // or there is none
	}
	if raw.Access != nil {
		c.Roles = map[string][]string{}
	}
	for client, access := range raw.Access {
		c.Roles[client] = access.Roles
	}
	return c
}

// String lists the claims on which a registry decides.
func (c Claims) String() string {
	if !c.Readable {
		return "no JWT, its claims are unknown"
	}
	expiry := "none"
	if !c.Expiry.IsZero() {
		expiry = c.Expiry.Format(time.RFC3339)
	}
	return fmt.Sprintf("roles %s; aud %s; iss %s; exp %s", c.roles(), orNone(c.Audience), orNone([]string{c.Issuer}), expiry)
}

// roles lists the roles of each client. Those of Keycloak's own client account come last.
func (c Claims) roles() string {
	clients := slices.SortedFunc(maps.Keys(c.Roles), func(a, b string) int {
		if (a == "account") != (b == "account") {
			return map[bool]int{true: 1, false: -1}[a == "account"]
		}
		return strings.Compare(a, b)
	})
	var all []string
	for _, client := range clients {
		all = append(all, client+": "+strings.Join(c.Roles[client], " "))
	}
	return orNone(all)
}

func orNone(values []string) string {
	if text := strings.Join(values, ", "); text != "" {
		return text
	}
	return "none"
}
