#!/bin/sh
# Starts redis-server with the users of redis-users.acl. Redis reads no variables, so the passwords come from the environment
# here and only their hashes are written, to a file that goes with the container.
#   REDIS_ROUTER_PASSWORD, REDIS_GATEWAY_PASSWORD, REDIS_SUBSCRIBER_PASSWORD   required
#   REDIS_USERS_TEMPLATE   default: redis-users.acl beside this script
#   REDIS_USERS_FILE       default: /tmp/redis-users.acl
# Arguments are passed on to redis-server.
set -eu
umask 077
template=${REDIS_USERS_TEMPLATE:-$(dirname "$0")/redis-users.acl}
users=${REDIS_USERS_FILE:-/tmp/redis-users.acl}

hash() { # hash VARIABLE
    eval "password=\${$1:-}"
    case $password in
        '' | change-me)
            echo "$1: must be set to a password of your own, see .env.example" >&2
            exit 1
            ;;
    esac
    printf %s "$password" | sha256sum | cut -d ' ' -f 1
}
router=$(hash REDIS_ROUTER_PASSWORD)
gateway=$(hash REDIS_GATEWAY_PASSWORD)
subscriber=$(hash REDIS_SUBSCRIBER_PASSWORD)

sed -e '/^#/d' -e "s/@REDIS_ROUTER_PASSWORD@/$router/" -e "s/@REDIS_GATEWAY_PASSWORD@/$gateway/" \
    -e "s/@REDIS_SUBSCRIBER_PASSWORD@/$subscriber/" "$template" >"$users"
unset REDIS_ROUTER_PASSWORD REDIS_GATEWAY_PASSWORD REDIS_SUBSCRIBER_PASSWORD password
exec redis-server --aclfile "$users" "$@"
