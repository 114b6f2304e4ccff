"""Pure compilation of configuration and policy into what the kernel loads."""
