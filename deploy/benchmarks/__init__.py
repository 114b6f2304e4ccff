"""The benchmarks of ./deploy/bench: a gateway's own processes, real packets, and a yardstick beside each figure.

Three routers stand side by side (`topology`): one with a single grant, one with 10,000 and one that only
translates addresses. So what is compared is measured in the same round, seconds apart, on the same noisy machine.
"""
