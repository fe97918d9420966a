//! Ports: reserved in the kernel, probed before use, foreign holders named.
