#!/bin/bash
# Makes both topics as they should be and gives each login exactly the rights it needs on them; nothing that exists is
# changed, and running it again is harmless. For an administrator of a Kafka that has an authorizer, with Kafka's own
# tools (bin/ of its distribution) in PATH. What follows goes to the tools as it is:
#
#   INGEST_LOGIN=User:telemetry-ingest CONSUMER_LOGIN=User:telemetry-consumer \
#     deploy/kafka/rights.sh --bootstrap-server HOST:PORT --command-config administrator.properties
#
# With OPERATOR_LOGIN=User:NAME, whoever looks after dead letters gets the rights for that too.
set -euo pipefail

topic=${KAFKA_TOPIC:-prompt-telemetry}
letters=$topic.dead-letter
group=${CONSUMER_GROUP:-prompt-telemetry-consumer}
partitions=${KAFKA_PARTITIONS:-12}
replication=${KAFKA_REPLICATION:-3}
min_insync=$((replication > 2 ? replication - 1 : 1))

make() {
    kafka-topics.sh "${server[@]}" --create --if-not-exists --topic "$1" --partitions "$partitions" \
        --replication-factor "$replication" --config "min.insync.replicas=$min_insync" \
        --config unclean.leader.election.enable=false --config "retention.ms=$(($2 * 24 * 60 * 60 * 1000))"
}

allow() {
    kafka-acls.sh "${server[@]}" --add --allow-principal "$@"
}

server=("$@")
make "$topic" 7
make "$letters" 30

# Write and Read include Describe, without which a topic is not shown. DescribeConfigs is for the warnings at the start
# and can be left out; Create is for services that are to make the topics themselves.
allow "$INGEST_LOGIN" --operation Write --operation DescribeConfigs --topic "$topic"
allow "$INGEST_LOGIN" --operation Describe --operation DescribeConfigs --topic "$letters"

allow "$CONSUMER_LOGIN" --operation Read --topic "$topic" --group "$group"
allow "$CONSUMER_LOGIN" --operation DescribeConfigs --topic "$topic"
allow "$CONSUMER_LOGIN" --operation Write --operation DescribeConfigs --topic "$letters"

# To read letters, to send them again, to drop old ones (which Kafka calls Delete, and which includes the whole topic).
if [ -n "${OPERATOR_LOGIN:-}" ]; then
    allow "$OPERATOR_LOGIN" --operation Read --operation Delete --topic "$letters"
    allow "$OPERATOR_LOGIN" --operation Write --topic "$topic"
    # Clients ask for their group's coordinator even when they do without the group.
    allow "$OPERATOR_LOGIN" --operation Describe --group "$group"
fi
