//! Packets other than CONNECT that are refused, one line each, and odd ones that are not.

mod mqtt_support;

use tidewire_protocols::mqtt::{Decoded, ErrorKind, PACKET_SIZE_MAX, Version, decode};

use self::mqtt_support::bytes;

refuses! {
    v311_type_0: V311, "00 00", Malformed, "MQTT-4.8.0-1";
    v5_type_0: V5, "00 00", Malformed, "MQTT-4.13.1-1";
    v311_type_15: V311, "F0 00", Malformed, "MQTT-4.8.0-1";
    remaining_length_of_5_bytes: V5, "30 FFFFFFFF01", Malformed, "MQTT50-U-2.1.4-1";
    remaining_length_of_5_bytes_of_zero: V311, "30 8080808000", Malformed, "MQTT-4.8.0-1";
    remaining_length_goes_on_after_4_bytes: V5, "C0 80808080", Malformed, "MQTT50-U-2.1.4-1";

    v311_flags_of_connack: V311, "21 | 0000", Malformed, "MQTT-2.2.2-2";
    v5_flags_of_puback: V5, "42 | 0001", Malformed, "MQTT-2.1.3-1";
    v5_flags_of_pubrec: V5, "51 | 0001", Malformed, "MQTT-2.1.3-1";
    v311_flags_of_pubrel: V311, "60 | 0001", Malformed, "MQTT-3.6.1-1";
    v5_flags_of_pubrel: V5, "63 | 0001", Malformed, "MQTT-3.6.1-1";
    v311_dup_of_pubrel: V311, "6A | 0001", Malformed, "MQTT-3.6.1-1";
    v31_flags_of_pubrel_beside_dup: V31, "6B | 0001", Malformed, "MQTT-3.6.1-1";
    v31_dup_of_puback: V31, "48 | 0001", Malformed, "MQTT-2.2.2-2";
    v5_flags_of_pubcomp: V5, "78 | 0001", Malformed, "MQTT-2.1.3-1";
    v311_flags_of_subscribe: V311, "80 | 0001 0001 'a' 00", Malformed, "MQTT-3.8.1-1";
    v5_flags_of_subscribe: V5, "83 | 0001 00 0001 'a' 00", Malformed, "MQTT-3.8.1-1";
    v5_flags_of_suback: V5, "92 | 0001 00 00", Malformed, "MQTT-2.1.3-1";
    v311_flags_of_unsubscribe: V311, "A0 | 0001 0001 'a'", Malformed, "MQTT-3.10.1-1";
    v5_flags_of_unsubscribe: V5, "A6 | 0001 00 0001 'a'", Malformed, "MQTT-3.10.1-1";
    v5_flags_of_unsuback: V5, "B1 | 0001 00 00", Malformed, "MQTT-2.1.3-1";
    v311_flags_of_pingreq: V311, "C8 00", Malformed, "MQTT-2.2.2-2";
    v5_flags_of_pingresp: V5, "D2 00", Malformed, "MQTT-2.1.3-1";
    v311_flags_of_disconnect: V311, "E1 00", Malformed, "MQTT-3.14.1-1";
    v5_flags_of_disconnect: V5, "E1 00", Malformed, "MQTT-3.14.1-1";
    v5_flags_of_auth: V5, "F1 00", Malformed, "MQTT-3.15.1-1";

    v311_publish_qos_3: V311, "36 | 0001 't' 0001", Malformed, "MQTT-3.3.1-4";
    v5_publish_qos_3: V5, "37 | 0001 't' 0001 00", Malformed, "MQTT-3.3.1-4";
    v311_publish_dup_with_qos_0: V311, "38 | 0001 't'", Malformed, "MQTT-3.3.1-2";
    v5_publish_dup_with_qos_0: V5, "39 | 0001 't' 00", Malformed, "MQTT-3.3.1-2";
    v311_publish_id_zero: V311, "32 | 0001 't' 0000", Protocol, "MQTT-2.3.1-1";
    v5_publish_id_zero: V5, "34 | 0001 't' 0000 00", Protocol, "MQTT-2.2.1-3";
    v311_publish_id_missing: V311, "32 | 0001 't' 00", Malformed, "MQTT-4.8.0-1";
    v311_publish_empty: V311, "30 |", Malformed, "MQTT-4.8.0-1";
    v311_publish_topic_cut: V311, "30 | 0009 't'", Malformed, "MQTT-4.8.0-1";
    v311_publish_topic_empty: V311, "30 | 0000 'x'", Protocol, "MQTT-4.7.3-1";
    v5_publish_topic_empty_without_alias: V5, "30 | 0000 00", Protocol, "MQTT50-U-3.3.2.1-1";
    v311_publish_topic_not_utf8: V311, "30 | 0002 C328", Malformed, "MQTT-1.5.3-1";
    v5_publish_topic_surrogate: V5, "30 | 0003 EDBFBF 00", Malformed, "MQTT-1.5.4-1";
    v311_publish_topic_nul: V311, "30 | 0003 'a' 00 'b'", Malformed, "MQTT-1.5.3-2";
    v5_publish_topic_nul_in_long: V5, "30 | 0050 61*79 00 00", Malformed, "MQTT-1.5.4-2";
    v5_publish_long_topic_not_utf8: V5, "30 | 0080 61*127 FF 00", Malformed, "MQTT-1.5.4-1";
    v311_publish_topic_plus: V311, "30 | 0003 'a/+'", TopicNameInvalid, "MQTT-3.3.2-2";
    v5_publish_topic_hash: V5, "30 | 0003 'a/#' 00", TopicNameInvalid, "MQTT-3.3.2-2";
    v5_publish_topic_hash_in_long: V5, "30 | 0051 61*40 '#' 61*40 00", TopicNameInvalid, "MQTT-3.3.2-2";
    v5_publish_properties_missing: V5, "30 | 0001 't'", Malformed, "MQTT-4.13.1-1";
    v5_publish_properties_cut: V5, "30 | 0001 't' 05 0101", Malformed, "MQTT-4.13.1-1";
    v5_publish_alias_twice: V5, "30 | 0001 't' 06 230001 230001", Protocol, "MQTT50-U-3.3.2.3.4-1";
    v5_publish_format_twice: V5, "30 | 0001 't' 04 0101 0101", Protocol, "MQTT50-U-3.3.2.3.2-2";
    v5_publish_expiry_twice: V5, "30 | 0001 't' 0A 0200000001 0200000001", Protocol, "MQTT50-U-3.3.2.3.2-2";
    v5_publish_format_2: V5, "30 | 0001 't' 02 0102", Protocol, "MQTT-4.13.1-1";
    v5_publish_response_topic_twice: V5, "30 | 0001 't' 08 080001 'r' 080001 'r'", Protocol, "MQTT50-U-3.3.2.3.5-1";
    v5_publish_correlation_twice: V5, "30 | 0001 't' 06 090000 090000", Protocol, "MQTT50-U-3.3.2.3.6-1";
    v5_publish_content_type_twice: V5, "30 | 0001 't' 06 030000 030000", Protocol, "MQTT50-U-3.3.2.3.9-1";
    v5_publish_response_topic_wildcard: V5, "30 | 0001 't' 06 080003 'a/+'", Protocol, "MQTT-3.3.2-14";
    v5_publish_response_topic_empty: V5, "30 | 0001 't' 03 080000", Protocol, "MQTT-4.7.3-1";
    v5_publish_response_topic_not_utf8: V5, "30 | 0001 't' 04 080001 FF", Malformed, "MQTT-1.5.4-1";
    v5_publish_response_topic_nul: V5, "30 | 0001 't' 04 080001 00", Malformed, "MQTT-1.5.4-2";
    v5_publish_content_type_not_utf8: V5, "30 | 0001 't' 04 030001 FF", Malformed, "MQTT-1.5.4-1";
    v5_publish_subscription_id_zero: V5, "30 | 0001 't' 02 0B00", Protocol, "MQTT50-U-3.8.2.1.2-1";
    v5_publish_subscription_id_of_5_bytes: V5, "30 | 0001 't' 06 0B8080808001", Malformed, "MQTT50-U-2.1.4-1";
    v5_publish_will_delay: V5, "30 | 0001 't' 05 1800000001", Malformed, "MQTT50-U-2.2.2.2-1";

    v311_puback_id_zero: V311, "40 | 0000", Protocol, "MQTT-2.3.1-1";
    v5_pubrec_id_zero: V5, "50 | 0000", Protocol, "MQTT-2.2.1-3";
    v311_pubrel_id_cut: V311, "62 | 00", Malformed, "MQTT-4.8.0-1";
    v311_puback_trailing: V311, "40 | 0001 00", Malformed, "MQTT-4.8.0-1";
    v5_puback_trailing: V5, "40 | 0001 00 00 00", Malformed, "MQTT-4.13.1-1";
    v5_puback_reason_of_pubrel: V5, "40 | 0001 92", Protocol, "MQTT-3.4.2-1";
    v5_puback_reason_unknown: V5, "40 | 0001 7F", Protocol, "MQTT-3.4.2-1";
    v5_pubrec_reason_receive_maximum: V5, "50 | 0001 93", Protocol, "MQTT-3.5.2-1";
    v5_pubrel_reason_quota: V5, "62 | 0001 97", Protocol, "MQTT-3.6.2-1";
    v5_pubcomp_reason_quota: V5, "70 | 0001 97 00", Protocol, "MQTT-3.7.2-1";
    v5_puback_reason_string_twice: V5, "40 | 0001 00 06 1F0000 1F0000", Protocol, "MQTT50-U-3.4.2.2.2-1";
    v5_puback_property_misplaced: V5, "40 | 0001 00 03 230001", Malformed, "MQTT50-U-2.2.2.2-1";
    v5_puback_properties_cut: V5, "40 | 0001 00 05 1F", Malformed, "MQTT-4.13.1-1";

    v311_subscribe_empty: V311, "82 | 0001", Protocol, "MQTT-3.8.3-3";
    v5_subscribe_empty: V5, "82 | 0001 00", Protocol, "MQTT-3.8.3-2";
    v311_subscribe_id_zero: V311, "82 | 0000 0001 'a' 00", Protocol, "MQTT-2.3.1-1";
    v5_subscribe_id_zero: V5, "82 | 0000 00 0001 'a' 00", Protocol, "MQTT-2.2.1-3";
    v311_subscribe_options_missing: V311, "82 | 0001 0001 'a'", Malformed, "MQTT-4.8.0-1";
    v311_subscribe_qos_3: V311, "82 | 0001 0001 'a' 03", Malformed, "MQTT-3.8.3-4";
    v311_subscribe_reserved_bit_2: V311, "82 | 0001 0001 'a' 04", Malformed, "MQTT-3.8.3-4";
    v311_subscribe_reserved_bit_7: V311, "82 | 0001 0001 'a' 80", Malformed, "MQTT-3.8.3-4";
    v5_subscribe_qos_3: V5, "82 | 0001 00 0001 'a' 03", Protocol, "MQTT50-U-3.8.3.1-1";
    v5_subscribe_retain_handling_3: V5, "82 | 0001 00 0001 'a' 30", Protocol, "MQTT50-U-3.8.3.1-2";
    v5_subscribe_reserved_bit_6: V5, "82 | 0001 00 0001 'a' 40", Malformed, "MQTT-3.8.3-5";
    v5_subscribe_reserved_bit_7: V5, "82 | 0001 00 0001 'a' 80", Malformed, "MQTT-3.8.3-5";
    v5_subscribe_second_filter_cut: V5, "82 | 0001 00 0001 'a' 00 0002 'b'", Malformed, "MQTT-4.13.1-1";
    v311_subscribe_filter_not_utf8: V311, "82 | 0001 0001 FF 00", Malformed, "MQTT-1.5.3-1";
    v5_subscribe_filter_nul: V5, "82 | 0001 00 0001 00 00", Malformed, "MQTT-1.5.4-2";
    v5_subscribe_identifier_zero: V5, "82 | 0001 02 0B00 0001 'a' 00", Protocol, "MQTT50-U-3.8.2.1.2-1";
    v5_subscribe_identifier_twice: V5, "82 | 0001 04 0B01 0B02 0001 'a' 00", Protocol, "MQTT50-U-3.8.2.1.2-1";
    v311_suback_reserved_code: V311, "90 | 0001 03", Protocol, "MQTT-3.9.3-2";
    v311_suback_code_of_v5: V311, "90 | 0001 87", Protocol, "MQTT-3.9.3-2";
    v5_suback_code_unknown: V5, "90 | 0001 00 00 11", Protocol, "MQTT-3.9.3-2";
    v5_suback_empty: V5, "90 | 0001 00", Malformed, "MQTT-3.8.4-6";

    v311_unsubscribe_empty: V311, "A2 | 0001", Protocol, "MQTT-3.10.3-2";
    v5_unsubscribe_empty: V5, "A2 | 0001 00", Protocol, "MQTT-3.10.3-2";
    v311_unsubscribe_id_zero: V311, "A2 | 0000 0001 'a'", Protocol, "MQTT-2.3.1-1";
    v311_unsubscribe_filter_not_utf8: V311, "A2 | 0001 0002 'a' FF", Malformed, "MQTT-1.5.3-1";
    v5_unsubscribe_filter_nul: V5, "A2 | 0001 00 0001 00", Malformed, "MQTT-1.5.4-2";
    v5_unsubscribe_filter_cut: V5, "A2 | 0001 00 0003 'a'", Malformed, "MQTT-4.13.1-1";
    v311_unsuback_trailing: V311, "B0 | 0001 00", Malformed, "MQTT-4.8.0-1";
    v5_unsuback_code_of_suback: V5, "B0 | 0001 00 01", Protocol, "MQTT-3.11.3-2";

    v311_connack_flags: V311, "20 | 0200", Malformed, "MQTT311-U-3.2.2.1-1";
    v5_connack_flags: V5, "20 | 8000 00", Malformed, "MQTT-3.2.2-1";
    v311_connack_code_6: V311, "20 | 0006", Protocol, "MQTT-3.2.2-6";
    v5_connack_code_of_disconnect: V5, "20 | 0093 00", Protocol, "MQTT-3.2.2-8";
    v311_connack_session_present_refused: V311, "20 | 0105", Protocol, "MQTT-3.2.2-4";
    v5_connack_session_present_refused: V5, "20 | 0187 00", Protocol, "MQTT-3.2.2-6";
    v5_connack_maximum_qos_2: V5, "20 | 0000 02 2402", Protocol, "MQTT50-U-3.2.2.3.4-1";
    v5_connack_without_property_length: V5, "20 | 0000", Malformed, "MQTT-4.13.1-1";

    v311_pingreq_with_body: V311, "C0 | 00", Malformed, "MQTT-4.8.0-1";
    v5_pingresp_with_body: V5, "D0 | 00", Malformed, "MQTT-4.13.1-1";
    v311_disconnect_with_body: V311, "E0 | 00", Malformed, "MQTT-4.8.0-1";
    v5_disconnect_reason_unknown: V5, "E0 | FF", Protocol, "MQTT-3.14.2-1";
    v5_disconnect_reason_of_connack: V5, "E0 | 84 00", Protocol, "MQTT-3.14.2-1";
    v5_disconnect_expiry_twice: V5, "E0 | 00 0A 1100000001 1100000001", Protocol, "MQTT50-U-3.14.2.2.2-3";
    v5_disconnect_reason_string_twice: V5, "E0 | 00 06 1F0000 1F0000", Protocol, "MQTT50-U-3.14.2.2.2-3";
    v5_disconnect_trailing: V5, "E0 | 00 00 00", Malformed, "MQTT-4.13.1-1";
    v5_auth_reason_unknown: V5, "F0 | 04 04 150001 'm'", Protocol, "MQTT-3.15.2-1";
    v5_auth_without_method: V5, "F0 | 18 00", Protocol, "MQTT50-U-3.15.2.2.2-1";
    v5_auth_reason_alone: V5, "F0 | 18", Protocol, "MQTT50-U-3.15.2.2.2-1";
    v5_auth_method_twice: V5, "F0 | 18 08 150001 'm' 150001 'm'", Protocol, "MQTT50-U-3.15.2.2.2-1";
    v5_auth_data_twice: V5, "F0 | 18 0A 150001 'm' 160000 160000", Protocol, "MQTT50-U-3.15.2.2.2-1";
}

accepts! {
    remaining_length_in_a_longer_form: V5, "C0 80808000";
    v31_dup_of_pubrel: V31, "6A | 0001";
    v31_dup_of_subscribe: V31, "8A | 0001 0001 'a' 00";
    v311_publish_empty_payload: V311, "31 | 0001 't'";
    v5_publish_alias_instead_of_topic: V5, "30 | 0000 03 230001";
    v5_publish_alias_zero_is_for_the_broker: V5, "30 | 0001 't' 03 230000";
    v5_publish_two_subscription_ids: V5, "30 | 0001 't' 04 0B01 0B02";
    v311_publish_topic_is_a_slash: V311, "30 | 0001 '/'";
    v311_publish_topic_with_byte_order_mark: V311, "30 | 0004 EFBBBF 'a'";
    v5_puback_with_reason_only: V5, "40 | 0001 10";
    v5_puback_without_property_length: V5, "40 | 0001 00";
    v5_pubrec_with_empty_properties: V5, "50 | 0001 80 00";
    v5_pubrel_short: V5, "62 | 0001";
    v5_pubcomp_not_found: V5, "70 | 0001 92 03 1F0000";
    v5_subscribe_every_option: V5, "82 | 0001 02 0B01 0001 'a' 2E 0001 'b' 1D";
    v5_subscribe_empty_filter_is_for_the_broker: V5, "82 | 0001 00 0000 00";
    v5_subscribe_no_local_on_shared_is_for_the_broker: V5, "82 | 0001 00 000A '$share/g/t' 04";
    v311_suback_failure: V311, "90 | 0001 80 00 01 02";
    v5_disconnect_with_reason_only: V5, "E0 | 04";
    v5_disconnect_bare: V5, "E0 00";
    v5_auth_bare: V5, "F0 00";
    v5_auth_again: V5, "F0 | 19 04 150001 'm'";
}

#[test]
fn the_limit_counts_the_fixed_header_and_is_checked_before_the_body_is_there() {
    let publish = bytes("30 | 0001 't' 61*97");
    assert_eq!(publish.len(), 102);
    assert!(matches!(decode(Version::V311, 102, &publish), Ok(Decoded::Packet { size: 102, .. })));
    for there in 2..=publish.len() {
        let error = decode(Version::V311, 101, &publish[..there]).unwrap_err();
        assert_eq!((error.kind(), error.reason_code().as_u8()), (ErrorKind::TooLarge, 0x95), "{there} bytes");
    }
    assert_eq!(decode(Version::V311, 101, &publish[..1]), Ok(Decoded::Incomplete { needed: 2 }));
}

#[test]
fn the_largest_packet_is_awaited() {
    let header = bytes("30 FFFFFF7F");
    let needed = PACKET_SIZE_MAX;
    assert_eq!(decode(Version::V5, PACKET_SIZE_MAX, &header), Ok(Decoded::Incomplete { needed }));
    assert_eq!(decode(Version::V5, PACKET_SIZE_MAX - 1, &header).unwrap_err().kind(), ErrorKind::TooLarge);
}
