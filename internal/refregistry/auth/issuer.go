package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"fmt"
	"maps"
	"net/url"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The names that a Canvas gives to its realm and to the registry in it.
const (
	realm    = "/realms/odari"
	resource = "componentregistry"
	audience = "account"
)

// Client may request tokens.
type Client struct {
	ID, Secret string
	// Roles are those of the registry: see tmf639.
	Roles []string
	// Claims are added to the client's tokens or replace what they have; a nil
	// removes a claim.
	Claims map[string]any
}

// Config holds the tunables.
type Config struct {
	Clients []Client
	// Lifetime is that of a client's token; 0 is Keycloak's 5 minutes.
	Lifetime time.Duration
	// User and Password are those of the local user, who has the role admin.
	// Without a user every login is refused.
	User, Password string
	// Now is the clock of issuer and check; nil is the system's.
	Now func() time.Time
}

// Issuer issues tokens and checks them. It is safe for concurrent use.
type Issuer struct {
	cfg   Config
	local []byte // signs the tokens of the local user

	mu     sync.Mutex
	key    *rsa.PrivateKey // made for the first token
	serial int             // of the key
	// cached has the keys that the check fetched, by their ids; it is nil until
	// the first token.
	cached map[string]*rsa.PublicKey
}

// New returns an issuer.
func New(cfg Config) *Issuer {
	if cfg.Lifetime == 0 {
		cfg.Lifetime = 5 * time.Minute
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Issuer{cfg: cfg, local: []byte(rand.Text())}
}

// RotateKeys signs tokens with a new key from now on.
func (i *Issuer) RotateKeys() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key = nil
}

// ForgetKeys clears the cache of the check.
func (i *Issuer) ForgetKeys() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.cached = nil
}

// signing returns the key and its id.
func (i *Issuer) signing() (string, *rsa.PrivateKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.key == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic("generate signing key: " + err.Error()) // the system has randomness
		}
		i.key = key
		i.serial++
	}
	return fmt.Sprintf("key-%d", i.serial), i.key
}

// verifying returns a key that the check has cached.
func (i *Issuer) verifying(id string) (*rsa.PublicKey, bool) {
	current, key := i.signing()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cached == nil {
		i.cached = map[string]*rsa.PublicKey{current: &key.PublicKey}
	}
	cached, known := i.cached[id]
	return cached, known
}

// authenticate returns the client of an id and a secret.
func (i *Issuer) authenticate(id, secret string) (Client, bool) {
	for _, client := range i.cfg.Clients {
		if client.ID == id && same(client.Secret, secret) {
			return client, true
		}
	}
	return Client{}, false
}

// authenticateBasic also reads an encoded id and secret: RFC 6749 has them
// encoded as in a form, and not every client does it.
func (i *Issuer) authenticateBasic(id, secret string) (Client, bool) {
	if client, ok := i.authenticate(id, secret); ok {
		return client, true
	}
	plainID, err := url.QueryUnescape(id)
	if err != nil {
		return Client{}, false
	}
	plainSecret, err := url.QueryUnescape(secret)
	if err != nil {
		return Client{}, false
	}
	return i.authenticate(plainID, plainSecret)
}

// token issues a client's token.
func (i *Issuer) token(client Client, base, host string) string {
	now := i.cfg.Now()
	claims := jwt.MapClaims{
		"exp": now.Add(i.cfg.Lifetime).Unix(), "iat": now.Unix(), "jti": rand.Text(),
		"iss": base + realm, "aud": audience, "sub": "service-account-" + client.ID, "typ": "Bearer", "azp": client.ID, "acr": "1",
		"realm_access": map[string]any{"roles": []string{"offline_access", "uma_authorization", "default-roles-odari"}},
		"resource_access": map[string]any{
			audience: map[string]any{"roles": []string{"manage-account", "view-profile"}},
			resource: map[string]any{"roles": client.Roles},
		},
		"scope": scope, "clientHost": host, "email_verified": false,
		"preferred_username": "service-account-" + client.ID, "client_id": client.ID,
	}
	maps.Copy(claims, client.Claims)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	id, key := i.signing()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = id
	signed, err := token.SignedString(key)
	if err != nil {
		panic("sign token: " + err.Error()) // a key of this package signs any claims of JSON
	}
	return signed
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
