//! CONNECT packets that are refused, one line each, and odd ones that are not.

mod mqtt_support;

use tidewire_protocols::mqtt::{ErrorKind, ReasonCode, Version, connect_version};

use self::mqtt_support::{bytes, refused};

refuses! {
    v311_name_unknown: V311, "10 | 0004 'MQTX' 04 02 0000 0001 'a'", Malformed, "MQTT-3.1.2-1";
    v5_name_unknown: V5, "10 | 0004 'MQTX' 05 02 0000 00 0001 'a'", Malformed, "MQTT-3.1.2-1";
    name_lower_case: V5, "10 | 0004 'mqtt' 05 02 0000 00 0001 'a'", Malformed, "MQTT-3.1.2-1";
    name_empty: V5, "10 | 0000 05 02 0000 00 0001 'a'", Malformed, "MQTT-3.1.2-1";
    name_longer_than_packet: V311, "10 | 00FF 'MQTT' 04 02", Malformed, "MQTT-4.8.0-1";
    level_99: V311, "10 | 0004 'MQTT' 63 02 0000 0001 'a'", UnsupportedVersion, "MQTT-3.1.2-2";
    level_6: V5, "10 | 0004 'MQTT' 06 02 0000 00 0001 'a'", UnsupportedVersion, "MQTT-3.1.2-2";
    level_3_of_mqtt: V311, "10 | 0004 'MQTT' 03 02 0000 0001 'a'", UnsupportedVersion, "MQTT-3.1.2-2";
    level_4_of_mqisdp: V311, "10 | 0006 'MQIsdp' 04 02 0000 0001 'a'", UnsupportedVersion, "MQTT-3.1.2-2";
    level_with_bridge_bit: V311, "10 | 0004 'MQTT' 84 02 0000 0001 'a'", UnsupportedVersion, "MQTT-3.1.2-2";
    level_missing: V311, "10 | 0004 'MQTT'", Malformed, "MQTT-4.8.0-1";
    body_empty: V5, "10 |", Malformed, "MQTT-4.13.1-1";
    fixed_header_flags: V311, "11 | 0004 'MQTT' 04 02 0000 0001 'a'", Malformed, "MQTT-2.2.2-2";

    v311_reserved_flag: V311, "10 | 0004 'MQTT' 04 03 0000 0001 'a'", Malformed, "MQTT-3.1.2-3";
    v5_reserved_flag: V5, "10 | 0004 'MQTT' 05 03 0000 00 0001 'a'", Malformed, "MQTT-3.1.2-3";
    v311_will_qos_without_will: V311, "10 | 0004 'MQTT' 04 0A 0000 0001 'a'", Malformed, "MQTT-3.1.2-13";
    v5_will_qos_without_will: V5, "10 | 0004 'MQTT' 05 0A 0000 00 0001 'a'", Malformed, "MQTT-3.1.2-11";
    v311_will_retain_without_will: V311, "10 | 0004 'MQTT' 04 22 0000 0001 'a'", Malformed, "MQTT-3.1.2-15";
    v5_will_retain_without_will: V5, "10 | 0004 'MQTT' 05 22 0000 00 0001 'a'", Malformed, "MQTT-3.1.2-13";
    v311_will_qos_3: V311, "10 | 0004 'MQTT' 04 1E 0000 0001 'a' 0001 'w' 0000", Malformed, "MQTT-3.1.2-14";
    v5_will_qos_3: V5, "10 | 0004 'MQTT' 05 1E 0000 00 0001 'a' 00 0001 'w' 0000", Malformed, "MQTT-3.1.2-12";
    v311_password_without_user: V311, "10 | 0004 'MQTT' 04 42 0000 0001 'a' 0001 'p'", Malformed, "MQTT-3.1.2-22";
    v31_password_without_user: V31, "10 | 0006 'MQIsdp' 03 42 0000 0001 'a' 0001 'p'", Malformed, "MQTT-3.1.2-22";

    v311_client_id_missing: V311, "10 | 0004 'MQTT' 04 02 0000", Malformed, "MQTT-3.1.3-3";
    v5_client_id_missing: V5, "10 | 0004 'MQTT' 05 02 0000 00", Malformed, "MQTT-3.1.3-3";
    v5_property_length_missing: V5, "10 | 0004 'MQTT' 05 02 0000", Malformed, "MQTT-4.13.1-1";
    keep_alive_cut: V311, "10 | 0004 'MQTT' 04 02 00", Malformed, "MQTT-4.8.0-1";
    client_id_cut: V311, "10 | 0004 'MQTT' 04 02 0000 0005 'abc'", Malformed, "MQTT-4.8.0-1";
    v311_will_missing: V311, "10 | 0004 'MQTT' 04 06 0000 0001 'a'", Malformed, "MQTT-3.1.2-9";
    v5_will_missing: V5, "10 | 0004 'MQTT' 05 06 0000 00 0001 'a'", Malformed, "MQTT-3.1.2-9";
    v5_will_topic_missing: V5, "10 | 0004 'MQTT' 05 06 0000 00 0001 'a' 00", Malformed, "MQTT-3.1.2-9";
    v311_will_payload_missing: V311, "10 | 0004 'MQTT' 04 06 0000 0001 'a' 0001 'w'", Malformed, "MQTT-3.1.2-9";
    v311_user_name_missing: V311, "10 | 0004 'MQTT' 04 82 0000 0001 'a'", Malformed, "MQTT-3.1.2-19";
    v5_user_name_missing: V5, "10 | 0004 'MQTT' 05 82 0000 00 0001 'a'", Malformed, "MQTT-3.1.2-17";
    v311_password_missing: V311, "10 | 0004 'MQTT' 04 C2 0000 0001 'a' 0001 'u'", Malformed, "MQTT-3.1.2-21";
    v5_password_missing: V5, "10 | 0004 'MQTT' 05 C2 0000 00 0001 'a' 0001 'u'", Malformed, "MQTT-3.1.2-19";
    v311_surplus_user_name: V311, "10 | 0004 'MQTT' 04 02 0000 0001 'a' 0001 'u'", Malformed, "MQTT-3.1.4-1";
    v5_surplus_byte: V5, "10 | 0004 'MQTT' 05 02 0000 00 0001 'a' 00", Malformed, "MQTT-3.1.4-1";

    v311_client_id_not_utf8: V311, "10 | 0004 'MQTT' 04 02 0000 0001 FF", Malformed, "MQTT-1.5.3-1";
    v5_client_id_not_utf8: V5, "10 | 0004 'MQTT' 05 02 0000 00 0001 FF", Malformed, "MQTT-1.5.4-1";
    v311_client_id_surrogate: V311, "10 | 0004 'MQTT' 04 02 0000 0003 EDA080", Malformed, "MQTT-1.5.3-1";
    client_id_overlong: V5, "10 | 0004 'MQTT' 05 02 0000 00 0002 C080", Malformed, "MQTT-1.5.4-1";
    client_id_above_unicode: V5, "10 | 0004 'MQTT' 05 02 0000 00 0004 F4908080", Malformed, "MQTT-1.5.4-1";
    v311_client_id_nul: V311, "10 | 0004 'MQTT' 04 02 0000 0003 'a' 00 'b'", Malformed, "MQTT-1.5.3-2";
    v5_client_id_nul: V5, "10 | 0004 'MQTT' 05 02 0000 00 0001 00", Malformed, "MQTT-1.5.4-2";
    v311_will_topic_not_utf8: V311, "10 | 0004 'MQTT' 04 06 0000 0001 'a' 0001 FF 0000", Malformed, "MQTT-1.5.3-1";
    v5_will_topic_nul: V5, "10 | 0004 'MQTT' 05 06 0000 00 0001 'a' 00 0001 00 0000", Malformed, "MQTT-1.5.4-2";
    v311_user_name_not_utf8: V311, "10 | 0004 'MQTT' 04 82 0000 0001 'a' 0001 80", Malformed, "MQTT-1.5.3-1";
    v5_user_name_nul: V5, "10 | 0004 'MQTT' 05 82 0000 00 0001 'a' 0001 00", Malformed, "MQTT-1.5.4-2";

    session_expiry_twice: V5, "10 | 0004 'MQTT' 05 02 0000 0A 1100000001 1100000001 0000", Protocol, "MQTT50-U-3.1.2.11.2-1";
    receive_maximum_twice: V5, "10 | 0004 'MQTT' 05 02 0000 06 210001 210001 0000", Protocol, "MQTT50-U-3.1.2.11.3-1";
    receive_maximum_zero: V5, "10 | 0004 'MQTT' 05 02 0000 03 210000 0000", Protocol, "MQTT50-U-3.1.2.11.3-1";
    packet_size_twice: V5, "10 | 0004 'MQTT' 05 02 0000 0A 2700000100 2700000100 0000", Protocol, "MQTT50-U-3.1.2.11.4-1";
    packet_size_zero: V5, "10 | 0004 'MQTT' 05 02 0000 05 2700000000 0000", Protocol, "MQTT50-U-3.1.2.11.4-1";
    alias_maximum_twice: V5, "10 | 0004 'MQTT' 05 02 0000 06 220001 220001 0000", Protocol, "MQTT50-U-3.1.2.11.5-1";
    response_information_twice: V5, "10 | 0004 'MQTT' 05 02 0000 04 1900 1900 0000", Protocol, "MQTT50-U-3.1.2.11.6-1";
    response_information_2: V5, "10 | 0004 'MQTT' 05 02 0000 02 1902 0000", Protocol, "MQTT50-U-3.1.2.11.6-1";
    problem_information_twice: V5, "10 | 0004 'MQTT' 05 02 0000 04 1700 1701 0000", Protocol, "MQTT50-U-3.1.2.11.7-1";
    problem_information_2: V5, "10 | 0004 'MQTT' 05 02 0000 02 1702 0000", Protocol, "MQTT50-U-3.1.2.11.7-1";
    method_twice: V5, "10 | 0004 'MQTT' 05 02 0000 08 150001 'm' 150001 'm' 0000", Protocol, "MQTT50-U-3.1.2.11.9-1";
    data_twice: V5, "10 | 0004 'MQTT' 05 02 0000 0A 150001 'm' 160000 160000 0000", Protocol, "MQTT50-U-3.1.2.11.10-1";
    data_without_method: V5, "10 | 0004 'MQTT' 05 02 0000 03 160000 0000", Protocol, "MQTT50-U-3.1.2.11.10-1";
    method_not_utf8: V5, "10 | 0004 'MQTT' 05 02 0000 04 150001 FF 0000", Malformed, "MQTT-1.5.4-1";
    user_property_name_not_utf8: V5, "10 | 0004 'MQTT' 05 02 0000 06 260001 FF 0000 0000", Malformed, "MQTT-1.5.4-1";
    user_property_value_nul: V5, "10 | 0004 'MQTT' 05 02 0000 06 260000 0001 00 0000", Malformed, "MQTT-1.5.4-2";
    will_property_in_connect: V5, "10 | 0004 'MQTT' 05 02 0000 05 1800000001 0000", Malformed, "MQTT50-U-2.2.2.2-1";
    property_unknown: V5, "10 | 0004 'MQTT' 05 02 0000 02 0400 0000", Malformed, "MQTT50-U-2.2.2.2-1";
    property_cut_by_its_list: V5, "10 | 0004 'MQTT' 05 02 0000 03 11000000 0000", Malformed, "MQTT-4.13.1-1";
    properties_beyond_packet: V5, "10 | 0004 'MQTT' 05 02 0000 7F 1100000001", Malformed, "MQTT-4.13.1-1";
    property_length_of_5_bytes: V5, "10 | 0004 'MQTT' 05 02 0000 8080808001", Malformed, "MQTT50-U-2.1.4-1";

    will_delay_twice: V5, "10 | 0004 'MQTT' 05 06 0000 00 0000 0A 1800000001 1800000001 0000 0000", Protocol, "MQTT50-U-3.1.3.2.2-1";
    will_format_twice: V5, "10 | 0004 'MQTT' 05 06 0000 00 0000 04 0100 0100 0000 0000", Protocol, "MQTT50-U-3.1.3.2.3-1";
    will_format_2: V5, "10 | 0004 'MQTT' 05 06 0000 00 0000 02 0102 0000 0000", Protocol, "MQTT-4.13.1-1";
    will_expiry_twice: V5, "10 | 0004 'MQTT' 05 06 0000 00 0000 0A 0200000001 0200000001 0000 0000", Protocol, "MQTT50-U-3.1.3.2.4-1";
    will_content_type_twice: V5, "10 | 0004 'MQTT' 05 06 0000 00 0000 06 030000 030000 0000 0000", Protocol, "MQTT50-U-3.1.3.2.5-1";
    will_response_topic_twice: V5, "10 | 0004 'MQTT' 05 06 0000 00 0000 08 080001 'r' 080001 'r' 0000 0000", Protocol, "MQTT50-U-3.1.3.2.6-1";
    will_correlation_twice: V5, "10 | 0004 'MQTT' 05 06 0000 00 0000 06 090000 090000 0000 0000", Protocol, "MQTT50-U-3.1.3.2.7-1";
    connect_property_in_will: V5, "10 | 0004 'MQTT' 05 06 0000 00 0000 05 1100000001 0000 0000", Malformed, "MQTT50-U-2.2.2.2-1";
}

accepts! {
    v31: V311, "10 | 0006 'MQIsdp' 03 02 0000 0001 'a'";
    v311_everything: V311, "10 | 0004 'MQTT' 04 EE 003C 0001 'a' 0001 'w' 0001 00 0001 'u' 0002 00FF";
    v5_everything: V5, "10 | 0004 'MQTT' 05 F6 003C 05 1100000001 0001 'a' 05 1800000001 0001 'w' 0000 0000 0000";
    v5_password_without_user: V5, "10 | 0004 'MQTT' 05 42 0000 00 0001 'a' 0001 'p'";
    client_id_empty: V5, "10 | 0004 'MQTT' 05 02 0000 00 0000";
    v311_client_id_empty_without_clean_session: V311, "10 | 0004 'MQTT' 04 00 0000 0000";
    client_id_with_control_character: V5, "10 | 0004 'MQTT' 05 02 0000 00 0002 017F";
    client_id_with_noncharacter: V5, "10 | 0004 'MQTT' 05 02 0000 00 0003 EFBFBF";
    client_id_with_byte_order_mark: V5, "10 | 0004 'MQTT' 05 02 0000 00 0004 EFBBBF 'a'";
    will_topic_with_wildcard_is_for_the_broker: V5, "10 | 0004 'MQTT' 05 06 0000 00 0000 00 0001 '#' 0000";
    will_topic_empty_is_for_the_broker: V5, "10 | 0004 'MQTT' 05 06 0000 00 0000 00 0000 0000";
    user_property_repeats: V5, "10 | 0004 'MQTT' 05 02 0000 0A 2600000000 2600000000 0000";
    property_length_in_a_longer_form: V5, "10 | 0004 'MQTT' 05 02 0000 8000 0001 'a'";
}

#[test]
fn a_refused_connect_tells_its_version() {
    for (packet, version) in [
        ("10 | 0006 'MQIsdp' 03 03", Some(Version::V31)),
        ("10 | 0004 'MQTT' 04 03", Some(Version::V311)),
        ("10 | 0004 'MQTT' 05", Some(Version::V5)),
        ("10 7F 0004 'MQTT' 05", Some(Version::V5)),
        ("10 7F 0004 'MQTT'", None),
        ("10 | 0004 'MQTT' 06", None),
        ("E0 00", None),
        ("", None),
    ] {
        assert_eq!(connect_version(&bytes(packet)), version, "{packet}");
    }
}

#[test]
fn the_statement_is_of_the_version_that_connect_names() {
    let v5 = bytes("10 | 0004 'MQTT' 05 82 0000 00 0001 'a'");
    assert_eq!(refused(Version::V311, &v5).statement(), "MQTT-3.1.2-17");
    let v311 = bytes("10 | 0004 'MQTT' 04 82 0000 0001 'a'");
    assert_eq!(refused(Version::V5, &v311).statement(), "MQTT-3.1.2-19");
}

#[test]
fn an_error_speaks() {
    let error = refused(Version::V5, &bytes("10 | 0004 'MQTT' 07"));
    assert_eq!(error.kind(), ErrorKind::UnsupportedVersion);
    assert_eq!(error.reason_code(), ReasonCode::UnsupportedProtocolVersion);
    assert_eq!(
        error.to_string(),
        "the protocol level is not spoken here: MQIsdp has 3, MQTT has 4 and 5 [MQTT-3.1.2-2]"
    );
}
