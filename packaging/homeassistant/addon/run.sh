#!/bin/bash
# Reads the add-on's options, prepares what Home Assistant needs, and runs the hub as a user without rights.
set -euo pipefail

data=${DATA:-/data}
config=${CONFIG:-/config}
share=${SHARE:-/share}
supervisor=${SUPERVISOR:-http://supervisor}

option() {
    python3 - "$data/options.json" "$1" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as options:
    value = json.load(options).get(sys.argv[2])
print({True: "true", False: "false", None: ""}.get(value, value))
PYTHON
}

mosquitto_is_there() {
    python3 - "$supervisor/services/mqtt" <<'PYTHON'
import os
import sys
import urllib.request

call = urllib.request.Request(sys.argv[1], headers={"Authorization": f"Bearer {os.environ.get('SUPERVISOR_TOKEN', '')}"})
try:
    urllib.request.urlopen(call, timeout=5).close()
except OSError:
    sys.exit(1)
PYTHON
}

warden() {
    setpriv --reuid=1000 --regid=1000 --clear-groups printwarden "$@"
}

address=$(option address)
if [ -z "$address" ]; then
    echo "Set the option \"address\" to the address of this machine, as agents beside the printers reach it." >&2
    exit 1
fi
admin=$(option admin)
own_name=$(hostname)

export PRINTWARDEN_HUB_DATA=$data/hub
export PRINTWARDEN_HUB_NAMES="[\"$address\", \"$own_name\"]"
export PRINTWARDEN_WEB_HOST=${PRINTWARDEN_WEB_HOST:-0.0.0.0}
export PRINTWARDEN_WEB_INGRESS=true
PRINTWARDEN_HOMEASSISTANT_DISCOVERY=$(option discovery)
export PRINTWARDEN_HOMEASSISTANT_DISCOVERY

install -d -m 700 "$PRINTWARDEN_HUB_DATA"
chown -R 1000:1000 "$PRINTWARDEN_HUB_DATA"
warden broker authority >"$config/ca.pem"

if [ ! -e "$PRINTWARDEN_HUB_DATA/hub.db" ]; then
    echo "Sign in with this link, then make a password on the page of your account:"
    warden user add "$admin" --admin --link | sed "s#//$PRINTWARDEN_WEB_HOST:#//$address:#"
elif [ "$(option sign_in_link)" = true ]; then
    warden user link "$admin" | sed "s#//$PRINTWARDEN_WEB_HOST:#//$address:#"
fi

bridge_user=$(option bridge_user)
if [ -n "$bridge_user" ] && [ -n "$(option bridge_password)" ]; then
    password=$(mktemp)
    option bridge_password >"$password"
    chown 1000:1000 "$password"
    mkdir -p "$share/mosquitto"
    cp "$config/ca.pem" "$share/mosquitto/printwarden-ca.pem"
    bridge=$(warden broker bridge "$bridge_user" --remote "$own_name:8883" \
        --ca /share/mosquitto/printwarden-ca.pem --password-file "$password")
    rm "$password"
    (umask 077 && printf '%s\n' "$bridge" >"$share/mosquitto/printwarden.conf")
    echo "Wrote /share/mosquitto/printwarden.conf: switch on \"customize\" in the Mosquitto add-on and restart it."
elif mosquitto_is_there; then
    echo "Home Assistant uses a Mosquitto already. To see printers there, make an integration on the page Programs and"
    echo "put its user name and password into the options bridge_user and bridge_password."
fi

exec setpriv --reuid=1000 --regid=1000 --clear-groups printwarden run
