"""The laboratory: phones, a gateway and an internet as network namespaces of one machine.

The gateway in it runs the same processes, from the same entry points, as a real one; everything around it
is as small as it can be while still sending real packets. It all expects to run inside `deploy/isolated`.
"""
