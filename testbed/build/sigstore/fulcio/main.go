// Command fulcio is Sigstore's certificate authority on 127.0.0.1 alone: the vendor's own program also serves its metrics on every
// address. What issues certificates, checks identities and answers over HTTP are the vendor's packages.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	ctclient "github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/sigstore/fulcio/pkg/ca/fileca"
	"github.com/sigstore/fulcio/pkg/config"
	"github.com/sigstore/fulcio/pkg/generated/protobuf"
	"github.com/sigstore/fulcio/pkg/log"
	"github.com/sigstore/fulcio/pkg/server"
	v1 "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/grpc/metadata"
)

const module = "github.com/sigstore/fulcio"

func main() {
	version := flag.Bool("version", false, "print the version of Fulcio")
	port := flag.Int("port", 0, "port of 127.0.0.1")
	configuration := flag.String("config", "", "Fulcio's configuration of issuers, YAML")
	chain := flag.String("chain", "", "the authority's certificate and those above it in PEM, leaf first")
	key := flag.String("key", "", "its private key in PEM")
	ctLog := flag.String("ct-log", "", "address of the log of certificates (RFC 6962)")
	ctLogKey := flag.String("ct-log-key", "", "its public key in PEM, with which what it answers is checked")
	flag.Parse()
	if *version {
		fmt.Println(module, versionOf(module))
		return
	}
	if err := serve(*port, *configuration, *chain, *key, *ctLog, *ctLogKey); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(port int, configuration, chain, key, ctLog, ctLogKey string) error {
	log.ConfigureLogger("dev")
	settings, err := config.Load(configuration)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	authority, err := fileca.NewFileCA(chain, key, "", false)
	if err != nil {
		return fmt.Errorf("authority: %w", err)
	}
	publicKey, err := os.ReadFile(ctLogKey)
	if err != nil {
		return fmt.Errorf("key of the log of certificates: %w", err)
	}
	client := &http.Client{Timeout: 30 * time.Second}
	certificates, err := ctclient.New(ctLog, client, jsonclient.Options{PublicKey: string(publicKey)})
	if err != nil {
		return fmt.Errorf("log of certificates: %w", err)
	}
	// Those that the vendor's program takes by default.
	algorithms, err := signature.NewAlgorithmRegistryConfig([]v1.PublicKeyDetails{
		v1.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		v1.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		v1.PublicKeyDetails_PKIX_ECDSA_P521_SHA_512,
		v1.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256,
		v1.PublicKeyDetails_PKIX_RSA_PKCS1V15_3072_SHA256,
		v1.PublicKeyDetails_PKIX_RSA_PKCS1V15_4096_SHA256,
		v1.PublicKeyDetails_PKIX_ED25519,
	})
	if err != nil {
		return fmt.Errorf("algorithms: %w", err)
	}
	issuing := server.NewGRPCCAServer(certificates, authority, algorithms, server.NewIssuerPool(settings))
	gateway := runtime.NewServeMux(runtime.WithMetadata(tokenOf))
	if err := protobuf.RegisterCAHandlerServer(context.Background(), gateway, issuing); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	configured := func(answer http.ResponseWriter, request *http.Request) {
		gateway.ServeHTTP(answer, request.WithContext(config.With(request.Context(), settings)))
	}
	front := http.Server{Handler: http.HandlerFunc(configured), ReadHeaderTimeout: 10 * time.Second}
	return front.Serve(listener)
}

func tokenOf(_ context.Context, request *http.Request) metadata.MD {
	token := strings.Replace(request.Header.Get("Authorization"), "Bearer ", "", 1)
	return metadata.Pairs(server.MetadataOIDCTokenKey, token)
}

func versionOf(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if dependency.Path == path {
				return dependency.Version
			}
		}
	}
	return "unknown"
}
