//! STOMP frames as bytes, one line for each: what is read, what is refused and by which statement, what is awaited.

use bytes::BytesMut;
use tidewire_protocols::stomp::Version::{V10, V11, V12};
use tidewire_protocols::stomp::{
    Command, Decoded, Decoder, Error, ErrorKind, FrameWriter, HeartBeat, Limits, Version, encode_header,
};

/// name, version, bytes, and what they mean: `COMMAND name=value … | body`, frame after frame.
macro_rules! reads {
    ($($name:ident, $version:expr, $input:expr, $frames:expr;)*) => { mod reads { use super::*; $(
        #[test]
        fn $name() {
            assert_eq!(decode($version, $input, usize::MAX), Ok($frames.to_owned()), "at once");
            assert_eq!(decode($version, $input, 1), Ok($frames.to_owned()), "one by one");
        }
    )* } };
}

/// name, version, bytes, the kind of error and the statement; nothing more need arrive to see it.
macro_rules! refuses {
    ($($name:ident, $version:expr, $input:expr, $kind:ident, $statement:expr;)*) => { mod refuses { use super::*; $(
        #[test]
        fn $name() {
            let judge = |error: Error| (error.kind(), error.statement());
            let expected = Err((ErrorKind::$kind, $statement));
            assert_eq!(decode($version, $input, usize::MAX).map_err(judge), expected, "at once");
            assert_eq!(decode($version, $input, 1).map_err(judge), expected, "one by one");
        }
    )* } };
}

/// name, version, bytes, and how many bytes are awaited in all.
macro_rules! awaits {
    ($($name:ident, $version:expr, $input:expr, $needed:expr;)*) => { mod awaits { use super::*; $(
        #[test]
        fn $name() {
            assert_eq!(decoder($version).decode($input), Ok(Decoded::Incomplete { needed: $needed }));
        }
    )* } };
}

/// name, version, bytes with an error in them, and the receipt that ERROR confirms (STOMP12-ERROR-5).
macro_rules! receipts {
    ($($name:ident, $version:expr, $input:expr, $receipt:expr;)*) => { mod receipts { use super::*; $(
        #[test]
        fn $name() {
            let error = decode($version, $input, usize::MAX).unwrap_err();
            assert_eq!(error.receipt().as_deref(), $receipt, "{error}");
        }
    )* } };
}

reads! {
    // STOMP12-FRAME-1, STOMP11-FRAME-1, STOMP10-FRAME-1
    no_headers, V12, b"BEGIN\n\n\0", "BEGIN |\n";
    one_header, V12, b"ACK\nid:1\n\n\0", "ACK id=1 |\n";
    a_body, V12, b"SEND\n\nhi\0", "SEND | hi\n";
    two_frames, V12, b"ACK\nid:1\n\n\0ACK\nid:2\n\n\0", "ACK id=1 |\nACK id=2 |\n";
    // STOMP12-FRAME-2
    cr_lf_everywhere, V12, b"SEND\r\na:b\r\nc:d\r\n\r\nhi\0", "SEND a=b c=d | hi\n";
    cr_lf_mixed_with_lf, V12, b"SEND\na:b\r\nc:d\n\r\nhi\0", "SEND a=b c=d | hi\n";
    cr_lf_in_a_body_stays, V12, b"SEND\n\n\r\nhi\r\n\0", "SEND | \r\nhi\r\n\n";
    cr_of_1_1_belongs_to_the_value, V11, b"SEND\na:b\r\n\nhi\0", "SEND a=b\r | hi\n";
    cr_of_1_0_belongs_to_the_value, V10, b"SEND\na:b\r\n\nhi\0", "SEND a=b\r | hi\n";
    cr_of_1_1_within_a_value, V11, b"SEND\na:b\rc\n\nhi\0", "SEND a=b\rc | hi\n";
    // STOMP12-FRAME-3, STOMP11-FRAME-2, STOMP12-HEARTBEAT-6
    lf_before_a_frame, V12, b"\n\n\nACK\nid:1\n\n\0", "ACK id=1 |\n";
    cr_lf_before_a_frame, V12, b"\r\n\n\r\nACK\nid:1\n\n\0", "ACK id=1 |\n";
    cr_lf_between_frames_of_1_1, V11, b"ACK\nid:1\n\n\0\r\nACK\nid:2\n\n\0\n", "ACK id=1 |\nACK id=2 |\n";
    only_heart_beats, V12, b"\n\r\n\n", "";
    // STOMP12-FRAME-4
    header_names_keep_their_case, V12, b"SEND\nDestination:/a\ndestination:/b\n\n\0", "SEND Destination=/a destination=/b |\n";
    content_length_in_other_case_is_user_data, V12, b"SEND\nContent-Length:9\n\nhi\0", "SEND Content-Length=9 | hi\n";
    // STOMP12-ENCODE-1, -7, STOMP11-ENCODE-6
    utf8_in_a_header, V12, "SEND\nnäme:välue 🌊\n\n\0".as_bytes(), "SEND näme=välue 🌊 |\n";
    utf8_in_a_header_of_1_0, V10, "SEND\nnäme:välue\n\n\0".as_bytes(), "SEND näme=välue |\n";
    // STOMP12-ENCODE-2
    escapes_of_1_2, V12, b"SEND\na:\\r\\n\\c\\\\\n\n\0", "SEND a=\r\n:\\ |\n";
    escapes_in_a_name, V12, b"SEND\na\\cb\\n:1\n\n\0", "SEND a:b\n=1 |\n";
    escaped_backslash_before_a_letter, V12, b"SEND\na:\\\\n\\\\\\n\n\n\0", "SEND a=\\n\\\n |\n";
    // STOMP11-ENCODE-1
    escapes_of_1_1, V11, b"SEND\na:\\n\\c\\\\\n\n\0", "SEND a=\n:\\ |\n";
    // STOMP10-FRAME-2
    backslashes_of_1_0_are_literal, V10, b"SEND\na:\\n\\t\\\n\n\0", "SEND a=\\n\\t\\ |\n";
    // STOMP12-ENCODE-5, STOMP11-ENCODE-4
    connect_is_exempt, V12, b"CONNECT\npasscode:a\\tb\\\n\n\0", "CONNECT passcode=a\\tb\\ |\n";
    stomp_is_exempt, V12, b"STOMP\npasscode:a\\nb\n\n\0", "STOMP passcode=a\\nb |\n";
    connected_is_exempt, V11, b"CONNECTED\nsession:a:b\\c\n\n\0", "CONNECTED session=a:b\\c |\n";
    connect_with_cr_lf, V12, b"CONNECT\r\nhost:a\r\n\r\n\0", "CONNECT host=a |\n";
    // STOMP12-ENCODE-6, STOMP11-ENCODE-5, STOMP10-FRAME-3
    spaces_are_kept, V12, b"SEND\n foo : bar \n\n\0", "SEND  foo = bar  |\n";
    spaces_of_1_0_are_kept, V10, b"SEND\nlogin: user\n\n\0", "SEND login= user |\n";
    // STOMP10-FRAME-4
    a_value_with_colons, V10, b"SEND\na:b:c:\n\n\0", "SEND a=b:c: |\n";
    a_value_with_colons_in_1_2, V12, b"SEND\na:b:c:\n\n\0", "SEND a=b:c: |\n";
    an_empty_value, V10, b"SEND\na:\n\n\0", "SEND a= |\n";
    // STOMP12-LENGTH-1
    a_length_without_a_body, V12, b"SUBSCRIBE\nid:1\ncontent-length:0\n\n\0", "SUBSCRIBE id=1 content-length=0 |\n";
    // STOMP12-LENGTH-2, STOMP11-LENGTH-2, STOMP10-LENGTH-1
    a_counted_body_with_nuls, V12, b"SEND\ncontent-length:3\n\n\0a\0\0", "SEND content-length=3 | \0a\0\n";
    a_counted_body_with_nuls_in_1_1, V11, b"SEND\ncontent-length:3\n\n\0a\0\0", "SEND content-length=3 | \0a\0\n";
    a_counted_body_with_nuls_in_1_0, V10, b"SEND\ncontent-length:3\n\n\0a\0\0", "SEND content-length=3 | \0a\0\n";
    a_length_with_leading_zeros, V12, b"SEND\ncontent-length:0002\n\nhi\0", "SEND content-length=0002 | hi\n";
    a_length_of_1_0_with_a_space, V10, b"SEND\ncontent-length: 2\n\nhi\0", "SEND content-length= 2 | hi\n";
    a_frame_within_a_counted_body, V12, b"SEND\ncontent-length:8\n\nACK\n\n\0\0\0\0", "SEND content-length=8 | ACK\n\n\0\0\0\n";
    // STOMP12-REPEAT-1, -3, STOMP11-REPEAT-1
    repeated_headers_are_all_there, V12, b"SEND\na:1\nb:2\na:3\n\n\0", "SEND a=1 b=2 a=3 |\n";
    the_first_length_counts, V12, b"SEND\ncontent-length:2\ncontent-length:9\n\nhi\0", "SEND content-length=2 content-length=9 | hi\n";
    a_later_length_is_not_even_read, V12, b"SEND\ncontent-length:2\ncontent-length:x\n\nhi\0", "SEND content-length=2 content-length=x | hi\n";
    // STOMP10-SUBSCRIBE-2
    the_body_of_subscribe_is_ignored, V10, b"SUBSCRIBE\nid:1\n\nhi\0", "SUBSCRIBE id=1 |\n";
    the_counted_body_of_subscribe_is_ignored, V10, b"SUBSCRIBE\ncontent-length:2\n\n\0\0\0", "SUBSCRIBE content-length=2 |\n";
    // STOMP12-CONNECT-3
    stomp_is_a_command, V12, b"STOMP\naccept-version:1.2\n\n\0", "STOMP accept-version=1.2 |\n";
    nack_from_1_1_on, V11, b"NACK\nid:1\n\n\0", "NACK id=1 |\n";
}

refuses! {
    // STOMP12-FRAME-1, STOMP11-FRAME-1, STOMP10-FRAME-1
    a_line_without_colon, V12, b"SEND\ndestination\n", Malformed, "STOMP12-FRAME-1";
    a_line_without_colon_in_1_1, V11, b"SEND\ndestination\n", Malformed, "STOMP11-FRAME-1";
    a_line_without_colon_in_1_0, V10, b"SEND\ndestination\n", Malformed, "STOMP10-FRAME-1";
    a_header_without_name, V12, b"SEND\n:value\n", Malformed, "STOMP12-FRAME-1";
    a_line_of_spaces, V12, b"SEND\n \n", Malformed, "STOMP12-FRAME-1";
    a_nul_in_a_header, V12, b"SEND\na:b\0", Malformed, "STOMP12-FRAME-1";
    a_nul_for_the_blank_line, V12, b"SEND\na:b\n\0", Malformed, "STOMP12-FRAME-1";
    a_nul_behind_the_command, V12, b"SEND\0", Malformed, "STOMP12-FRAME-1";
    // STOMP12-FRAME-2
    a_cr_within_a_line, V12, b"SEND\na:b\rc:d\n\n", Malformed, "STOMP12-FRAME-1";
    two_crs_at_the_end, V12, b"SEND\na:b\r\r\n\n", Malformed, "STOMP12-FRAME-1";
    a_cr_for_the_blank_line, V12, b"SEND\na:b\n\ra:b\n\n", Malformed, "STOMP12-FRAME-1";
    cr_lf_after_a_command_of_1_1, V11, b"SEND\r\n", UnknownCommand, "STOMP11-COMMAND-1";
    cr_lf_for_the_blank_line_of_1_1, V11, b"SEND\na:b\n\r\n", Malformed, "STOMP11-FRAME-1";
    a_lone_cr_between_frames, V12, b"\n\rACK\n", UnknownCommand, "STOMP12-COMMAND-1";
    // STOMP12-FRAME-4, STOMP12-COMMAND-1, STOMP11-COMMAND-1
    an_unknown_command, V12, b"FOO\n", UnknownCommand, "STOMP12-COMMAND-1";
    an_unknown_command_of_1_1, V11, b"FOO\n", UnknownCommand, "STOMP11-COMMAND-1";
    an_unknown_command_of_1_0, V10, b"FOO\n", UnknownCommand, "STOMP10-FRAME-1";
    a_command_in_lower_case, V12, b"send\n", UnknownCommand, "STOMP12-COMMAND-1";
    a_command_with_a_space, V12, b"SEND \n", UnknownCommand, "STOMP12-COMMAND-1";
    a_command_that_is_too_long, V12, b"UNSUBSCRIBED!", UnknownCommand, "STOMP12-COMMAND-1";
    a_command_that_begins_like_one, V12, b"SENDER\n", UnknownCommand, "STOMP12-COMMAND-1";
    an_empty_frame, V12, b"\0", UnknownCommand, "STOMP12-COMMAND-1";
    an_http_request, V12, b"GET / HTTP/1.1\r\n", UnknownCommand, "STOMP12-COMMAND-1";
    a_tls_hello, V12, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", UnknownCommand, "STOMP12-COMMAND-1";
    an_mqtt_connect, V12, b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", UnknownCommand, "STOMP12-COMMAND-1";
    // STOMP10-ACK-3
    nack_in_1_0, V10, b"NACK\n", UnknownCommand, "STOMP10-ACK-3";
    // STOMP12-ENCODE-1, STOMP11-ENCODE-6
    a_value_that_is_not_utf8, V12, b"SEND\na:\xff\n\n", NotUtf8, "STOMP12-ENCODE-1";
    a_name_that_is_not_utf8, V11, b"SEND\n\xc3:b\n\n", NotUtf8, "STOMP11-ENCODE-6";
    latin_1_in_1_0, V10, b"SEND\na:\xe4\n\n", NotUtf8, "STOMP10-FRAME-4";
    a_surrogate, V12, b"SEND\na:\xed\xa0\x80\n\n", NotUtf8, "STOMP12-ENCODE-1";
    a_character_cut_by_the_line, V12, b"SEND\na:\xc3\n\xa9:b\n\n", NotUtf8, "STOMP12-ENCODE-1";
    // STOMP12-ENCODE-4, STOMP11-ENCODE-2
    escaped_t, V12, b"SEND\na:\\t", BadEscape, "STOMP12-ENCODE-4";
    escaped_upper_case, V12, b"SEND\na:\\N", BadEscape, "STOMP12-ENCODE-4";
    escaped_line_end, V12, b"SEND\na:b\\\n", BadEscape, "STOMP12-ENCODE-4";
    escaped_cr_lf, V12, b"SEND\na:b\\\r", BadEscape, "STOMP12-ENCODE-4";
    escaped_colon, V12, b"SEND\na\\:", BadEscape, "STOMP12-ENCODE-4";
    escaped_t_in_a_name, V12, b"SEND\na\\t", BadEscape, "STOMP12-ENCODE-4";
    escaped_non_ascii, V12, b"SEND\na:\\\xc3", BadEscape, "STOMP12-ENCODE-4";
    a_third_backslash, V12, b"SEND\na:\\\\\\x", BadEscape, "STOMP12-ENCODE-4";
    escaped_r_in_1_1, V11, b"SEND\na:\\r", BadEscape, "STOMP11-ENCODE-2";
    escaped_t_in_1_1, V11, b"SEND\na:\\t", BadEscape, "STOMP11-ENCODE-2";
    // STOMP12-BODY-1, STOMP11-BODY-1
    subscribe_with_a_body, V12, b"SUBSCRIBE\nid:1\n\nx", UnexpectedBody, "STOMP12-BODY-1";
    subscribe_with_a_body_in_1_1, V11, b"SUBSCRIBE\nid:1\n\nx", UnexpectedBody, "STOMP11-BODY-1";
    subscribe_with_a_counted_body, V12, b"SUBSCRIBE\ncontent-length:1\n\n", UnexpectedBody, "STOMP12-BODY-1";
    connect_with_a_body, V12, b"CONNECT\nhost:a\n\nx", UnexpectedBody, "STOMP12-BODY-1";
    receipt_with_a_body, V12, b"RECEIPT\nreceipt-id:1\n\n\n", UnexpectedBody, "STOMP12-BODY-1";
    // STOMP12-LENGTH-2, STOMP11-LENGTH-2, STOMP10-LENGTH-1
    an_empty_length, V12, b"SEND\ncontent-length:\n", BadContentLength, "STOMP12-LENGTH-2";
    a_negative_length, V12, b"SEND\ncontent-length:-1\n", BadContentLength, "STOMP12-LENGTH-2";
    a_length_with_a_plus, V11, b"SEND\ncontent-length:+1\n", BadContentLength, "STOMP11-LENGTH-2";
    a_length_with_a_space, V12, b"SEND\ncontent-length: 1\n", BadContentLength, "STOMP12-LENGTH-2";
    a_length_in_hexadecimal, V10, b"SEND\ncontent-length:0x1\n", BadContentLength, "STOMP10-LENGTH-1";
    a_length_with_a_fraction, V12, b"SEND\ncontent-length:1.0\n", BadContentLength, "STOMP12-LENGTH-2";
    // STOMP12-LENGTH-3
    a_length_too_small, V12, b"SEND\ncontent-length:1\n\nab", BadContentLength, "STOMP12-LENGTH-3";
    a_length_too_small_in_1_1, V11, b"SEND\ncontent-length:1\n\nab", BadContentLength, "STOMP11-FRAME-2";
    a_length_too_small_in_1_0, V10, b"SEND\ncontent-length:1\n\nab", BadContentLength, "STOMP10-FRAME-1";
    a_length_that_swallows_the_next_frame, V12, b"SEND\ncontent-length:4\n\nhi\0ACK", BadContentLength, "STOMP12-LENGTH-3";
    // STOMP12-LIMIT-2, STOMP11-LIMIT-2, with the limits of `limits()` below
    a_header_too_many, V12, b"SEND\na:1\na:2\na:3\na:4\na", TooManyHeaders, "STOMP12-LIMIT-2";
    a_header_too_many_in_1_1, V11, b"SEND\na:1\na:2\na:3\na:4\na", TooManyHeaders, "STOMP11-LIMIT-2";
    a_header_too_many_is_not_looked_at, V12, b"SEND\na:1\na:2\na:3\na:4\n\\t", TooManyHeaders, "STOMP12-LIMIT-2";
    a_line_too_long, V12, b"SEND\na:3456789012345678901234567890123", HeaderTooLong, "STOMP12-LIMIT-2";
    a_line_too_long_in_1_1, V11, b"SEND\na:3456789012345678901234567890123", HeaderTooLong, "STOMP11-LIMIT-2";
    a_line_too_long_that_ends, V12, b"SEND\na:3456789012345678901234567890123\n", HeaderTooLong, "STOMP12-LIMIT-2";
    a_line_too_long_with_cr_and_no_lf, V12, b"SEND\na:345678901234567890123456789012\rx", HeaderTooLong, "STOMP12-LIMIT-2";
    a_line_too_long_by_its_escape, V12, b"SEND\na:345678901234567890123456789012\\n", HeaderTooLong, "STOMP12-LIMIT-2";
    a_line_too_long_by_its_cr_in_1_1, V11, b"SEND\na:345678901234567890123456789012\r\n", HeaderTooLong, "STOMP11-LIMIT-2";
    a_length_above_the_limit, V12, b"SEND\ncontent-length:17\n\n", BodyTooLarge, "STOMP12-LIMIT-2";
    a_length_beyond_64_bits, V12, b"SEND\na:99999999999999999999999\ncontent-length:99999999999999999\n\n", BodyTooLarge, "STOMP12-LIMIT-2";
    a_body_that_does_not_end, V12, b"SEND\n\n01234567890123456", BodyTooLarge, "STOMP12-LIMIT-2";
    a_body_too_large_that_ends, V11, b"SEND\n\n01234567890123456\0", BodyTooLarge, "STOMP11-LIMIT-2";
    an_ignored_body_too_large, V10, b"SUBSCRIBE\n\n01234567890123456", BodyTooLarge, "STOMP12-LIMIT-2";
}

awaits! {
    the_first_byte, V12, b"", 1;
    half_a_command, V12, b"SEN", 4;
    the_lf_of_a_cr, V12, b"\r", 2;
    a_header_line, V12, b"SEND\na:", 8;
    the_code_of_an_escape, V12, b"SEND\na:\\", 9;
    the_blank_line, V12, b"SEND\na:b\n", 10;
    the_lf_of_a_blank_line, V12, b"SEND\na:b\n\r", 11;
    the_nul, V12, b"ACK\nid:1\n\n", 11;
    the_nul_of_a_body, V12, b"SEND\n\nhi", 9;
    a_counted_body_and_its_nul, V12, b"SEND\ncontent-length:9\n\nhi", 33;
    the_nul_of_a_counted_body, V12, b"SEND\ncontent-length:2\n\nhi", 26;
    the_lf_of_the_longest_line, V12, b"SEND\na:345678901234567890123456789012\r", 39;
}

receipts! {
    asked_for_before_the_error, V12, b"SEND\nreceipt:r1\na:\\t\n\n\0", Some("r1");
    asked_for_behind_the_error, V12, b"SEND\na:\\t\nreceipt:r1\n\n\0", Some("r1");
    asked_for_by_an_unknown_command, V12, b"FOO\r\nreceipt:r1\r\n\r\n\0", Some("r1");
    asked_for_with_escapes, V12, b"FOO\nreceipt:r\\c1\n\n\0", Some("r:1");
    asked_for_with_a_backslash_in_1_0, V10, b"FOO\nreceipt:r\\c1\n\n\0", Some("r\\c1");
    asked_for_twice, V12, b"FOO\nreceipt:r1\nreceipt:r2\n\n\0", Some("r1");
    asked_for_with_a_bad_escape, V12, b"SEND\nreceipt:r\\t\n\n\0", None;
    asked_for_in_half_a_line, V12, b"SEND\na:\\t\nreceipt:r", None;
    asked_for_in_the_body, V12, b"SEND\ncontent-length:99\n\nreceipt:r1\n\0", None;
    asked_for_by_the_next_frame, V12, b"SEND\0\nSEND\nreceipt:r1\n\n\0", None;
    asked_for_by_connect, V12, b"CONNECT\nreceipt:r1\n\nx\0", None;
    not_asked_for, V12, b"FOO\na:b\n\n\0", None;
}

#[test]
fn errors_say_what_would_be_right() {
    let message = |version, input: &[u8]| decode(version, input, usize::MAX).unwrap_err().to_string();
    assert_eq!(message(V12, b"send\n"), "unknown command send; should it be SEND and LF?");
    assert_eq!(message(V11, b"SEND\r\n"), r"unknown command SEND\r; should it be SEND and LF?");
    assert_eq!(message(V12, b"SEND\na:\\t"), r"no such escape: \t; known are \r \n \c \\");
    assert_eq!(message(V11, b"SEND\na:\\r"), r"no such escape: \r; known are \n \c \\");
    assert_eq!(message(V12, b"ACK\n\nx"), "ACK has no body: NUL follows the blank line");
    assert_eq!(message(V12, b"SEND\ncontent-length:17\n\n"), "the body is larger than 16 bytes");
}

#[test]
fn version_changes_between_frames() {
    let mut decoder = Decoder::new(Limits::default());
    assert_eq!(decoder.version(), V12);
    let connect = decoder.decode(b"CONNECT\r\nhost:a\r\n\r\n\0");
    assert!(matches!(connect, Ok(Decoded::Frame { size: 20, .. })), "{connect:?}");
    decoder.set_version(V10);
    let Ok(Decoded::Frame { frame, .. }) = decoder.decode(b"SEND\na:\\c\n\n\0") else { panic!("no frame") };
    assert_eq!(frame.headers.get("a").as_deref(), Some("\\c"));
}

#[test]
fn bytes_are_looked_at_once() {
    // What has been looked at is altered here, against the rules: a decoder that looked again would notice.
    for (first, then, body) in [
        (&b"SEND\na:1\nb"[..], &b"\0\0\0\0\n\0\0\0\n\0:2\n\nhi\0"[..], &b"hi"[..]),
        (b"SEND\n\nhi t", b"SEND\n\n\0\0\0\0here\0", b"\0\0\0\0here"),
    ] {
        let mut decoder = decoder(V12);
        assert!(matches!(decoder.decode(first), Ok(Decoded::Incomplete { .. })));
        let Ok(Decoded::Frame { frame, size }) = decoder.decode(then) else { panic!("no frame") };
        assert_eq!((frame.body, size), (body, then.len()));
    }
}

#[test]
fn headers_borrow_what_needs_no_unescaping() {
    use std::borrow::Cow;
    let input = b"SEND\nplain:a\nescaped:a\\cb\n\n\0";
    let Ok(Decoded::Frame { frame, .. }) = decoder(V12).decode(input) else { panic!("no frame") };
    assert!(matches!(frame.headers.get("plain"), Some(Cow::Borrowed("a"))));
    assert!(matches!(frame.headers.get("escaped"), Some(Cow::Owned(text)) if text == "a:b"));
    assert_eq!(frame.headers.get("absent"), None);
    let Ok(Decoded::Frame { frame, .. }) = decoder(V12).decode(b"SEND\nab:c:d\na:1\n\n\0") else {
        panic!("no frame")
    };
    assert_eq!(frame.headers.get("a").as_deref(), Some("1"), "not a prefix");
    assert_eq!(frame.headers.get("ab:c"), None, "not beyond the colon");
    let Ok(Decoded::Frame { frame, .. }) = decoder(V12).decode(input) else { panic!("no frame") };
    assert_eq!((frame.headers.len(), frame.headers.is_empty()), (2, false));
}

#[test]
fn writer_writes_lf_and_counts_the_body() {
    // STOMP12-LENGTH-4, -5, STOMP11-FRAME-1
    let mut out = BytesMut::new();
    let mut writer = FrameWriter::new(&mut out, V12, Command::Message);
    writer.header("destination", "/topic/a:b").header_number("message-id", u64::MAX).raw_headers(b"x:y\n");
    writer.finish_with_body(b"a\0b");
    let expected =
        "MESSAGE\ndestination:/topic/a\\cb\nmessage-id:18446744073709551615\nx:y\ncontent-length:3\n\na\0b\0";
    assert_eq!(std::str::from_utf8(&out), Ok(expected));
    out.clear();
    FrameWriter::new(&mut out, V12, Command::Receipt).finish();
    assert_eq!(&out[..], b"RECEIPT\n\n\0");
}

#[test]
fn writer_lets_no_text_out_of_its_header() {
    let line = |version, name: &str, value: &str| {
        let mut out = BytesMut::new();
        encode_header(version, name, value, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    };
    // STOMP12-ENCODE-3, STOMP11-ENCODE-3, STOMP10-FRAME-2
    assert_eq!(line(V12, "a:\r", "\r\n:\\\0"), "a\\c\\r:\\r\\n\\c\\\\ \n");
    assert_eq!(line(V11, "a:\r", "\r\n:\\\0"), "a\\c\r:\r\\n\\c\\\\ \n");
    assert_eq!(line(V10, "a:\r", "\r\n:\\\0"), "a_\r:\r :\\ \n");
    assert_eq!(line(V12, "", "nameless"), "_:nameless\n");
    // STOMP12-ENCODE-5
    let mut out = BytesMut::new();
    let mut writer = FrameWriter::new(&mut out, V12, Command::Connected);
    writer.header("session:\n", "a:\\\r\n\0");
    writer.finish();
    assert_eq!(&out[..], b"CONNECTED\nsession_ :a:\\   \n\n\0");
}

#[test]
fn versions_are_negotiated() {
    // STOMP12-NEGOTIATE-1, -2, -3, STOMP11-NEGOTIATE-1
    for (accept_version, expected) in [
        (None, Some(V10)),
        (Some("1.0"), Some(V10)),
        (Some("1.0,1.1,2.0"), Some(V11)),
        (Some("1.2,1.0"), Some(V12)),
        (Some("1.0,1.1,1.2"), Some(V12)),
        (Some("1.1, 1.2"), Some(V12)),
        (Some("9.9"), None),
        (Some(""), None),
        (Some("1"), None),
        (Some("1.20"), None),
    ] {
        assert_eq!(Version::negotiate(accept_version), expected, "{accept_version:?}");
    }
}

#[test]
fn heart_beats_are_parsed() {
    // STOMP12-HEARTBEAT-1, -2
    let beat = |guarantees_ms, wants_ms| Some(HeartBeat { guarantees_ms, wants_ms });
    for (text, expected) in [
        ("0,0", Some(HeartBeat::default())),
        ("10000,20000", beat(10_000, 20_000)),
        ("4294967295,99999999999999999999999", beat(u32::MAX, u32::MAX)),
        ("", None),
        ("1", None),
        ("1,", None),
        (",1", None),
        ("1,2,3", None),
        ("1, 2", None),
        ("-1,2", None),
        ("a,b", None),
    ] {
        let parsed = HeartBeat::parse(text);
        assert_eq!(parsed.as_ref().ok(), expected.as_ref(), "{text}");
        if let Err(error) = parsed {
            assert_eq!((error.kind(), error.statement()), (ErrorKind::BadHeartBeat, "STOMP12-HEARTBEAT-1"));
        }
    }
    assert_eq!(HeartBeat { guarantees_ms: 1, wants_ms: 2 }.to_string(), "1,2");
}

#[test]
fn heart_beats_are_negotiated() {
    // STOMP12-HEARTBEAT-3, -4
    let negotiate = |cx, cy, sx, sy| {
        let client = HeartBeat { guarantees_ms: cx, wants_ms: cy };
        HeartBeat::negotiate(client, HeartBeat { guarantees_ms: sx, wants_ms: sy })
    };
    assert_eq!(negotiate(1, 2, 3, 4), (4, 3));
    assert_eq!(negotiate(4, 3, 2, 1), (4, 3));
    assert_eq!(negotiate(0, 2, 3, 4), (0, 3));
    assert_eq!(negotiate(1, 0, 3, 4), (4, 0));
    assert_eq!(negotiate(1, 2, 0, 4), (4, 0));
    assert_eq!(negotiate(1, 2, 3, 0), (0, 3));
}

/// Small enough for the tables above.
fn limits() -> Limits {
    Limits { header_count_max: 4, header_line_max: 32, body_size_max: 16 }
}

fn decoder(version: Version) -> Decoder {
    let mut decoder = Decoder::new(limits());
    decoder.set_version(version);
    decoder
}

/// Reads `input` as it arrives in pieces of `step` bytes; all of it must be used up.
fn decode(version: Version, input: &[u8], step: usize) -> Result<String, Error> {
    let mut decoder = decoder(version);
    let (mut start, mut end, mut text) = (0, input.len().min(step), String::new());
    loop {
        match decoder.decode(&input[start..end])? {
            Decoded::Incomplete { .. } if end < input.len() => end += 1,
            Decoded::Incomplete { .. } => break,
            Decoded::HeartBeat { size } => start += size,
            Decoded::Frame { frame, size } => {
                text += frame.command.as_str();
                for (name, value) in frame.headers {
                    text += &format!(" {name}={value}");
                }
                text += " |";
                if !frame.body.is_empty() {
                    text += &format!(" {}", String::from_utf8_lossy(frame.body));
                }
                text += "\n";
                start += size;
            }
        }
    }
    assert_eq!(start, input.len(), "left over behind {text:?}");
    Ok(text)
}
