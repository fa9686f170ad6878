// Command timestamp-authority is Sigstore's timestamp authority on 127.0.0.1 alone: the vendor's own program also serves its metrics
// on port 2112 of every address, so that two of it cannot run on one machine.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
)

const module = "github.com/sigstore/timestamp-authority/v2"

func main() {
	version := flag.Bool("version", false, "print the version of the timestamp authority")
	port := flag.Int("port", 0, "port of 127.0.0.1")
	key := flag.String("key", "", "private key in PEM")
	chain := flag.String("chain", "", "its certificate and those above it in PEM, leaf first")
	flag.Parse()
	if *version {
		fmt.Println(module, versionOf(module))
		return
	}
	// The settings of the vendor's program, where they differ from its defaults or have none here.
	for name, value := range map[string]any{
		"timestamp-signer":         "file",
		"timestamp-signer-hash":    "sha256",
		"file-signer-key-path":     *key,
		"certificate-chain-path":   *chain,
		"enforce-intermediate-eku": true,
		"default-policy-oid":       "1.3.6.1.4.1.57264.2",
		"accepted-policy-oids":     []string{"1.3.6.1.4.1.57264.2"},
		"max-request-body-size":    uint64(1 << 20),
	} {
		viper.Set(name, value)
	}
	authority := server.NewRestAPIServer("127.0.0.1", *port, []string{"http"}, false, 30*time.Second, 30*time.Second)
	authority.CleanupTimeout = time.Second
	if err := authority.Serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
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
