module github.com/hotsock-go/hotsock/jwks

go 1.26.0

replace github.com/hotsock-go/hotsock => ../

require (
	github.com/MicahParks/jwkset v0.11.4
	github.com/hotsock-go/hotsock v0.2.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/coder/websocket v1.8.15 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	github.com/oklog/ulid/v2 v2.1.2 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)
