#!/bin/sh
# Topics of the live pipeline on a Kafka of three brokers, and who may do what there. Run once, and again after a change:
# what is there stays. SERVERS and ADMIN (a file of client settings) come from compose.kafka.yaml.
set -eu
bin=/opt/kafka/bin

topic() { # name, hours that messages are kept
    "$bin/kafka-topics.sh" --bootstrap-server "$SERVERS" --command-config "$ADMIN" --create --if-not-exists \
        --topic "$1" --partitions "${PARTITIONS:-12}" --replication-factor 3 \
        --config min.insync.replicas=2 --config "retention.ms=$(($2 * 3600000))" --config max.message.bytes=2097152
}

may() { # who, what, topics
    who=$1 what=$2
    shift 2
    for topic in "$@"; do
        "$bin/kafka-acls.sh" --bootstrap-server "$SERVERS" --command-config "$ADMIN" --add --allow-principal "User:$who" \
            --operation "$what" --topic "$topic"
    done
}

group() { # who
    "$bin/kafka-acls.sh" --bootstrap-server "$SERVERS" --command-config "$ADMIN" --add --allow-principal "User:$1" \
        --operation Read --group "ecg-$1"
}

topic raw_data 24
topic filtered_data 24
topic ml_result 168
topic dead_letter 720
topic status 1

may produce Write raw_data status
may produce Read raw_data

may filter Read raw_data filtered_data
may filter Write filtered_data dead_letter status
group filter

may classify Read filtered_data ml_result
may classify Write ml_result dead_letter status
group classify

may sink Read ml_result dead_letter
may sink Write status
group sink

may board Read filtered_data ml_result dead_letter status
group board
