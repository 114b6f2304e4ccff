#!/bin/sh
# What udhcpc calls with each event of a lease: puts the address, the route and the name server where they belong, and
# keeps the lease as JSON lines in $HOME/lease for whoever wants to know what came over the wire (option 114 in hex).
set -eu
case "$1" in
deconfig)
    ip link set "$interface" up
    ip -4 address flush dev "$interface"
    ;;
bound | renew)
    ip -4 address replace "$ip/$mask" dev "$interface"
    ip -4 route replace default via "${router%% *}" dev "$interface"
    : >/etc/resolv.conf
    for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
    printf '{"address": "%s/%s", "router": "%s", "dns": "%s", "seconds": %s, "option114": "%s"}\n' \
        "$ip" "$mask" "$router" "$dns" "${lease:-0}" "${opt114:-}" >"$HOME/lease"
    ;;
esac
