/**
 * A certificate for localhost that no client has a reason to trust, and its key, which opens nothing: made for these tests with
 * `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -addext subjectAltName=DNS:localhost,IP:127.0.0.1`.
 */
export const selfSigned = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBojCCAUmgAwIBAgIUQ4XESnWrvUuheAHfFSA/EdtlnvgwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNdGVzdCByZWNlaXZlcjAgFw0yNjExMjIxMTM0MzRaGA8yMTI2
MTAyOTExMzQzNFowGDEWMBQGA1UEAwwNdGVzdCByZWNlaXZlcjBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABJHWU6YbRF32qlYxWoc2eaNbRZr+Nw9V0ZOBxeLXiLVS
VK2hXJV0EMQ1uSFemZhs57JdBBZPP+mFpA6FdwYCrwCjbzBtMB0GA1UdDgQWBBQM
/GvEj1mKp/akOTrrMsk2lMm+sDAfBgNVHSMEGDAWgBQM/GvEj1mKp/akOTrrMsk2
lMm+sDAPBgNVHRMBAf8EBTADAQH/MBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAA
ATAKBggqhkjOPQQDAgNHADBEAiADTutDUvAbvhajrl7fHxPw6IUe7fJ2vhxW556p
ESg/jQIgOFN+C4xdmr5cPcPaQ5cDMIjmAepbscuJ/HSuDu4FZIw=
-----END CERTIFICATE-----`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQYoTefPFpQiIwB4P
r95gtWNukVz6+efNxhOVgGIxjMChRANCAASR1lOmG0Rd9qpWMVqHNnmjW0Wa/jcP
VdGTgcXi14i1UlStoVyVdBDENbkhXpmYbOeyXQQWTz/phaQOhXcGAq8A
-----END PRIVATE KEY-----`,
};
