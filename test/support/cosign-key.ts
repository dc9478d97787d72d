// A key pair of a test's own in the form of `cosign generate-key-pair`. Made by OpenSSL (the key, scrypt) and libsodium (the secret
// box), so that the reader is held against programs that others wrote. It opens nothing.

export const COSIGN_PASSWORD = "a test's password";

export const COSIGN_KEY = `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJicFdIOVJyZ3JqMFRpbFhsc3BjS0RnbmFVTU5sQ1ZX
ZEVKOGJDV3hJNTB3PSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJ0eThQTlJ2T0hkdFBxNUNTOSsxU2k1Z1FmSVdueXhhaiJ9LCJj
aXBoZXJ0ZXh0IjoiV0hsNDJ1bXJwV0crVFNPdEhEMC82Y011Zkg4WXhUWkFuWHUw
eVZvZ1U0TzBNQTh3b2ZPVVU3TXJMUXFuQ1NUcXpuQWpUVXJOcXhiWE9RV2dhUFVE
Z2pGMXhEeDZSNnUwRVo5QVZlc1U2dVM1aDZNMGhmNDltQkxCOURRZUtycWNXa2xk
Y21LRnR6WVpsQ2xGQ1JYUG9pU0VCR3FEWG1NNUpmUHZCWnBlMXp1VkphM0k3eGk5
WWlvalZORGZYVmZoT2lWeldPY2c4a2pJMUE9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`;

export const COSIGN_PUBLIC_KEY = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEofrJ+TKjLmzYd3IdPbCIRoNxbuoE
CblgJ3WS9jdFGeknjmCRSBfVSb4BnqokE1nxZBT0lXRCn/iRjlwHvPUkyA==
-----END PUBLIC KEY-----
`;
