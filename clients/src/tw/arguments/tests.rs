//! What the command line takes, and what it says to what it does not.

use std::ffi::OsString;

use clap::CommandFactory;
use tidewire_client::{Protocol, Qos};

use super::*;

fn parse(line: &str) -> Result<Cli, String> {
    Cli::try_read(line.split(' ').map(OsString::from)).map_err(|error| error.to_string())
}

fn connection(cli: &Cli) -> &ConnectionArgs {
    match &cli.command {
        Command::Pub(args) => &args.connection,
        Command::Sub(args) => &args.connection,
        Command::Request(args) => &args.connection,
        Command::Reply(args) => &args.connection,
        Command::Bench(_) | Command::Manual(_) => panic!("{cli:?}"),
    }
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn pub_with_everything() {
    let cli = parse("tw pub -u mqtt://broker -t a/b -m -1 -q 2 -r -i me -V 3.1.1 -W 5").unwrap();
    let Command::Pub(args) = &cli.command else { panic!("{cli:?}") };
    let address = args.connection.address().unwrap();
    assert_eq!(address.url.to_string(), "mqtt://broker:1883");
    assert_eq!(args.connection.protocol(&address), Protocol::Mqtt311);
    assert_eq!(args.connection.client_id.as_deref(), Some("me"));
    assert_eq!((args.topic.as_str(), args.payload.message.as_deref()), ("a/b", Some("-1")));
    assert_eq!((args.qos, args.retain, args.lines), (Qos::ExactlyOnce, true, false));
}

/// A line each: what is given, the URL and the user that it means, and what is spoken there.
#[test]
fn every_way_to_say_where() {
    use Protocol::{Mqtt5, Mqtt311, Stomp};
    for (given, url, user_name, protocol) in [
        ("", DEFAULT_URL, None, Mqtt5),
        ("--stomp", DEFAULT_URL, None, Stomp),
        ("-u ws://broker/mqtt", "ws://broker:80/mqtt", None, Mqtt5),
        ("--url ws://broker/mqtt", "ws://broker:80/mqtt", None, Mqtt5),
        ("-u ann", DEFAULT_URL, Some("ann"), Mqtt5),
        ("-u ws://broker/ -u ann", "ws://broker:80/", Some("ann"), Mqtt5),
        ("-u ann -u ws://broker/", "ws://broker:80/", Some("ann"), Mqtt5),
        ("--username a:1 -u ws://broker/", "ws://broker:80/", Some("a:1"), Mqtt5),
        ("-u urn:ann", DEFAULT_URL, Some("urn:ann"), Mqtt5),
        ("-h broker", "mqtt://broker:1883", None, Mqtt5),
        ("-p 2883", "mqtt://localhost:2883", None, Mqtt5),
        ("-h broker -p 2883 -u ann -V 311", "mqtt://broker:2883", Some("ann"), Mqtt311),
        ("-h ::1", "mqtt://[::1]:1883", None, Mqtt5),
        ("-h broker --stomp", "stomp://broker:61613", None, Stomp),
        ("-h broker -p 8883", "mqtts://broker:8883", None, Mqtt5),
        ("-h broker --cafile ca.pem", "mqtts://broker:8883", None, Mqtt5),
        ("-h broker -p 1 --insecure --stomp", "stomps://broker:1", None, Stomp),
        ("-h broker -p 61614 --stomp", "stomps://broker:61614", None, Stomp),
        ("--unix /run/broker", "mqtt+unix:///run/broker", None, Mqtt5),
        ("--unix /run/broker --stomp", "stomp+unix:///run/broker", None, Stomp),
        ("-u stomp://broker", "stomp://broker:61613", None, Stomp),
        ("-u wss://broker/ --insecure --stomp", "wss://broker:443/", None, Stomp),
    ] {
        let line = format!("tw sub -t a {given}");
        let cli = parse(line.trim_end()).unwrap_or_else(|error| panic!("{line}: {error}"));
        let connection = connection(&cli);
        let address = connection.address().unwrap();
        assert_eq!(
            (address.url.to_string().as_str(), address.user_name.as_deref()),
            (url, user_name),
            "{line}"
        );
        assert_eq!(connection.protocol(&address), protocol, "{line}");
    }
}

/// Each letter of mosquitto's programs that is to be found here, as whoever knows them writes it.
#[test]
fn letters_of_mosquitto() {
    for line in [
        "tw pub -h broker -p 1883 -t a -m b -q 1 -r -i me -u ann -P pencil -d -k 30 -V mqttv5",
        "tw pub -h broker -t a -n -r",
        "tw pub -h broker -t a -l",
        "tw pub -h broker -t a -s",
        "tw pub -h broker -t a -f /etc/hostname --repeat 3 --repeat-delay 0.5",
        "tw pub -h broker -t a -m b --will-topic w --will-payload gone --will-qos 1 --will-retain",
        "tw pub -h broker -t a -m b --cafile ca.pem --cert me.pem --key me.key",
        "tw pub -h broker -t a -m b --insecure -x 3600 -D PUBLISH content-type text/plain",
        "tw pub --unix /run/broker -t a -m b --pw pencil --username ann",
        "tw sub -h broker -t a -t b -v -C 3 -W 10 -R -N",
        "tw sub -h broker -t a -F %t:%p",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn defaults() {
    let cli = parse("tw sub -t a -t b/#").unwrap();
    let Command::Sub(args) = cli.command else { panic!("{cli:?}") };
    assert_eq!(args.topics, ["a", "b/#"]);
    assert_eq!((args.qos, args.count, args.timeout, args.output.json), (None, None, None, false));
}

#[test]
fn wrong_usage_says_what_is_wrong() {
    for (line, wrong) in [
        ("tw pub -t a/# -m x", "does not contain + or #"),
        ("tw pub -t a -m x -l", "cannot be used with"),
        ("tw pub -t a -m x -n", "cannot be used with"),
        ("tw pub -m x", "--topic"),
        ("tw pub -t a -q 3", "QoS is 0, 1 or 2"),
        ("tw pub -t a -V 3", "3.1.1 and 5"),
        ("tw pub -t a -u broker:1883", "ws://, mqtt:// or stomp://"),
        ("tw pub -t a -u http://broker/", "http:// is not spoken here"),
        ("tw pub -t a -u ws://a -u ws://b", "one URL is enough"),
        ("tw pub -t a -u ann -u bob", "one user name is enough"),
        ("tw pub -t a -u ws://a -h b", "leave out -h, -p"),
        ("tw pub -t a -u ws://a --cafile ca.pem", "wss://"),
        ("tw pub -t a -u mqtt://broker --stomp", "--stomp does not go with"),
        ("tw pub -t a -m b -P pencil", "-u USER"),
        ("tw pub -t a --cert me.pem", "--key"),
        ("tw pub -t a -m b --persistent", "--id"),
        ("tw pub -t a -m b -x 1h -V 3.1.1", "-x is MQTT 5's"),
        ("tw pub -t a -m b --will-retain", "--will-topic"),
        ("tw pub -t a -m b --stomp --will-topic w", "--will-topic is MQTT's alone"),
        ("tw pub -t a -m b --virtual-host h", "--virtual-host is STOMP's alone"),
        ("tw pub -t a -m b -h broker --ws-header a=b", "begin the URL with ws://"),
        ("tw pub -t a -m b --header a=b", "MQTT 5 has --property"),
        ("tw pub -t a -c -m b", "--persistent"),
        ("tw sub -t a --stomp -V 5", "-V is MQTT's alone"),
        ("tw sub -t a --stomp -q 1", "-q does not go with STOMP"),
        ("tw sub -t a --selector b=1", "--selector is STOMP's alone"),
        ("tw sub -t a/#/b", "-t \"a/#/b\": "),
        ("tw sub -t a -R -V 3.1.1", "leave out -V 3.1.1"),
        ("tw sub -t a --stomp --durable d", "--id"),
        ("tw sub", "--topic"),
        ("tw sub -t a -c 0", "from 1"),
        ("tw sub -t a -c many", "for a session that persists: --persistent"),
        ("tw sub -t a -c", "-c wants a number of messages; for a session that persists: --persistent"),
        ("tw sub -c -t a", "-c wants a number of messages; for a session that persists: --persistent"),
        ("tw sub -t a -W soon", "500ms, 5s, 2m"),
        ("tw sub -t a -F %z", "%z means nothing"),
        ("tw sub -t a -v --json", "cannot be used with"),
        ("tw sub -t a --hex --base64", "cannot be used with"),
        ("tw request -t a -m b -V 3.1.1", "leave out -V 3.1.1"),
        ("tw request -t a/+ -m b", "does not contain + or #"),
        ("tw reply -t a", "what to answer"),
        ("tw reply -t a -m b -- cat", "cannot be used with"),
        ("tw bench", "subcommand"),
        ("tw bench pairs -q 3", "QoS is 0, 1 or 2"),
        ("tw bench pairs --messages 1 --duration 1", "cannot be used with"),
        ("tw bench pairs --payload 7", "7 is not in"),
    ] {
        let said = parse(line).expect_err(line);
        assert!(said.contains(wrong), "{line}: {said}");
    }
}

#[test]
fn a_password_is_not_shown() {
    let cli = parse("tw pub -t a -m b -u ann -P pencil").unwrap();
    assert!(!format!("{cli:?}").contains("pencil"));
    let cli = parse("tw pub -t a -m b --token eyJ.pencil").unwrap();
    assert!(!format!("{cli:?}").contains("pencil"));
    for option in ["-u", "--url"] {
        let said = parse(&format!("tw pub -t a -m b {option} mqtt://me:pencil@broker")).unwrap_err();
        assert!(said.contains("@broker") && !said.contains("pencil"), "{said}");
    }
}

#[test]
fn what_a_scenario_shares_may_stand_on_either_side_of_its_name() {
    for line in ["tw bench -u mqtt://broker pairs", "tw bench pairs -u mqtt://broker"] {
        let Command::Bench(args) = parse(line).unwrap().command else { panic!("{line}") };
        assert_eq!(args.url.to_string(), "mqtt://broker:1883", "{line}");
    }
}

/// Every command within this one, with the program's own.
fn commands(command: &clap::Command) -> Vec<clap::Command> {
    let within = command.get_subcommands().flat_map(commands);
    std::iter::once(command.clone()).chain(within).collect()
}

#[test]
fn help_fits_a_screen_and_has_an_example() {
    let mut program = Cli::command().term_width(SCREEN_COLUMNS);
    program.build();
    for mut command in commands(&program) {
        let name = command.get_bin_name().unwrap_or_default().to_owned();
        let is_own = ["completions", "man", "help"].iter().all(|other| !name.contains(other));
        let text = command.render_help().to_string();
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(text.lines().count() <= SCREEN_LINES, "{name}: {} lines\n{text}", text.lines().count());
        assert!(widest <= Some(SCREEN_COLUMNS), "{name}: {widest:?} columns\n{text}");
        assert!(!is_own || text.contains("\n  tw "), "{name} has no example\n{text}");
    }
}

#[test]
fn the_full_help_has_what_the_short_one_leaves_out() {
    let help = |words: &str| parse(words).expect_err(words);
    let (short, full) = (help("tw sub --help"), help("tw sub --help-all"));
    for option in ["--ws-header", "--selector", "--will-topic", "--no-reconnect"] {
        assert!(!short.contains(option), "{option}: {short}");
        assert!(full.contains(option), "{option}: {full}");
    }
    assert!(short.contains("--help-all") && short.contains("-h, --host"), "{short}");
}

const SCREEN_LINES: usize = 40;
const SCREEN_COLUMNS: usize = 100;
