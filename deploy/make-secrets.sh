#!/bin/sh
# Makes what compose.scale.yaml asks for: a directory of secrets, with random ones where nobody else gives them out.
#     sh deploy/make-secrets.sh
# What is there already is never touched, so it may be run again. The directory is its owner's alone; the files in it can
# be read by anybody, because each is handed on, as it is, to a container whose user is not you.
set -eu
folder=${1:-$(dirname "$0")/secrets}
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

# Written beside and renamed: a file that is there is whole.
keep() {
    if [ -e "$folder/$1" ]; then
        cat > /dev/null
    else
        cat > "$folder/.$1.new" && mv "$folder/.$1.new" "$folder/$1" && echo "made $folder/$1"
    fi
}

# 64 characters of 0-9 and a-f: fit for an address and for a header, and longer than any of them has to be.
random() {
    value=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
    [ "${#value}" -eq 64 ] || { echo "no random numbers to be had" >&2; exit 1; }
    printf '%s' "$value" | keep "$1"
}

random postgres_password
printf 'postgresql://reelbot:%s@postgres:5432/reelbot' "$(cat "$folder/postgres_password")" | keep database_url
random secret_key
random admin_token
random grafana_admin_password
# Given out by others; empty until you fill them in and name them in reelbot.env.
for name in wavespeed_api_key eachlabs_api_key discord_token slack_bot_token slack_app_token slack_signing_secret; do
    printf '' | keep "$name"
done
