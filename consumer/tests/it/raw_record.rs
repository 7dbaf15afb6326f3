//! A record written byte by byte, for what no client library lets through.

use std::io::{Read, Write};
use std::net::TcpStream;

use local::testing::bootstrap_servers;

/// Puts a record with one header of this name on partition 0 of the topic, which the first broker must lead.
pub(crate) fn produce_with_header(topic: &str, key: &[u8], value: &[u8], header: &[u8]) {
    let record = record(key, value, header);
    let batch = batch(&record);
    let mut request = Vec::new();
    request.extend(0_i16.to_be_bytes()); // Produce
    request.extend(3_i16.to_be_bytes()); // its version
    request.extend(7_i32.to_be_bytes()); // correlation id
    request.extend((-1_i16).to_be_bytes()); // no client id
    request.extend((-1_i16).to_be_bytes()); // no transaction
    request.extend((-1_i16).to_be_bytes()); // acks=all
    request.extend(30_000_i32.to_be_bytes());
    request.extend(1_i32.to_be_bytes()); // one topic
    request.extend((topic.len() as i16).to_be_bytes());
    request.extend(topic.as_bytes());
    request.extend(1_i32.to_be_bytes()); // one partition
    request.extend(0_i32.to_be_bytes());
    request.extend((batch.len() as i32).to_be_bytes());
    request.extend(batch);

    let mut broker = TcpStream::connect(bootstrap_servers().split(',').next().unwrap()).unwrap();
    broker.write_all(&(request.len() as i32).to_be_bytes()).unwrap();
    broker.write_all(&request).unwrap();
    let mut length = [0; 4];
    broker.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    broker.read_exact(&mut answer).unwrap();
    // After the correlation id: one topic with its name, one partition with its number, then the error.
    let error = 4 + 4 + 2 + topic.len() + 4 + 4;
    assert_eq!(answer[error..error + 2], [0, 0], "the broker refused the record");
}

fn batch(record: &[u8]) -> Vec<u8> {
    let mut summed = Vec::new();
    summed.extend(0_i16.to_be_bytes()); // attributes
    summed.extend(0_i32.to_be_bytes()); // last offset delta
    summed.extend(1_700_000_000_000_i64.to_be_bytes());
    summed.extend(1_700_000_000_000_i64.to_be_bytes());
    summed.extend((-1_i64).to_be_bytes()); // no producer id
    summed.extend((-1_i16).to_be_bytes()); // nor epoch
    summed.extend((-1_i32).to_be_bytes()); // nor sequence
    summed.extend(1_i32.to_be_bytes()); // one record
    summed.extend(record);

    let mut batch = 0_i64.to_be_bytes().to_vec(); // base offset
    batch.extend((9 + summed.len() as i32).to_be_bytes());
    batch.extend((-1_i32).to_be_bytes()); // leader epoch
    batch.push(2); // format
    batch.extend(crc32c(&summed).to_be_bytes());
    batch.extend(summed);
    batch
}

fn record(key: &[u8], value: &[u8], header: &[u8]) -> Vec<u8> {
    let mut record = vec![0]; // attributes
    varint(&mut record, 0); // timestamp delta
    varint(&mut record, 0); // offset delta
    for bytes in [key, value] {
        varint(&mut record, bytes.len());
        record.extend(bytes);
    }
    varint(&mut record, 1); // one header
    for bytes in [header, b"value"] {
        varint(&mut record, bytes.len());
        record.extend(bytes);
    }
    let mut whole = Vec::new();
    varint(&mut whole, record.len());
    whole.extend(record);
    whole
}

/// Zigzag, of what is never negative here.
fn varint(bytes: &mut Vec<u8>, number: usize) {
    let mut rest = number << 1;
    while rest >= 0x80 {
        bytes.push((rest & 0x7F) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}
