//! The program: `tidewire-conformance --url ws://127.0.0.1:8080/`.
//!
//! Exit status: 0 when no case failed, 1 when one did, 2 when nothing could be played.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{fs, io};

use clap::Parser;
use tidewire_conformance::case::{Case, Suite};
use tidewire_conformance::needs::Settings;
use tidewire_conformance::play::Setup;
use tidewire_conformance::transport::{Target, Tls};
use tidewire_conformance::{coverage, document, library, report, run, statements, verdicts};

/// Plays cases from the MQTT, STOMP and WebSocket specifications against a broker.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// The broker: ws://host:port/path, tcp://host:port, mqtt://host:port or stomp://host:port; by TLS wss://, tls://,
    /// mqtts:// or stomps://
    #[arg(long, required_unless_present_any = ["list", "uncovered", "document"])]
    url: Option<String>,
    /// Only this suite: mqtt5, mqtt311, stomp or websocket; may be repeated. Default: all; by mqtt:// and stomp:// what
    /// they say, and websocket by ws:// and wss:// only
    #[arg(long = "suite", value_parser = suite)]
    suites: Vec<Suite>,
    /// Only this case or section, for example connect or mqtt5/connect/connect_twice; may be repeated
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// How the broker is configured, for example receive_maximum=2; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    has: Vec<String>,
    /// Trusts the certificates in this PEM file, and not those that the system trusts
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Plays only the cases that need something that a --has gives, and the last ones of each suite
    #[arg(long)]
    configured: bool,
    /// Reads the cases from this directory and not from the program
    #[arg(long, value_name = "DIR")]
    cases_from: Option<PathBuf>,
    /// How many cases are played at a time
    #[arg(long, default_value_t = 8)]
    jobs: usize,
    /// How many milliseconds an answer may take where the case does not say
    #[arg(long, default_value_t = 3000, value_name = "MILLISECONDS")]
    limit: u64,
    /// Makes every time limit this many times as long
    #[arg(long, default_value_t = 1)]
    patience: u32,
    /// STOMP's host header; default: the host of the URL
    #[arg(long, value_name = "NAME")]
    stomp_host: Option<String>,
    /// User name for every CONNECT that has none of its own
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// Password that goes with --user
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// Writes the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Writes the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes a line for each case, with its verdict, and keeps the notes that the file has
    #[arg(long, value_name = "FILE")]
    verdicts: Option<PathBuf>,
    /// Writes the document of what is covered, and plays none
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// Shows the conversations of cases that pass as well
    #[arg(long, short)]
    verbose: bool,
    /// Lists the cases and plays none
    #[arg(long)]
    list: bool,
    /// Lists the observable statements that neither a case nor a reason why there can be none names yet
    #[arg(long)]
    uncovered: bool,
}

fn suite(name: &str) -> Result<Suite, String> {
    Suite::from_name(name).ok_or_else(|| "it is mqtt5, mqtt311, stomp or websocket".to_owned())
}

// One thread is enough: cases wait far more than they work.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match start(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "tidewire-conformance: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether no case failed.
async fn start(arguments: Arguments) -> Result<bool, String> {
    let cases = match &arguments.cases_from {
        Some(directory) => library::from_directory(directory),
        None => library::embedded(),
    };
    let cases = cases.map_err(|error| error.to_string())?;
    if let Some(unknown) = statements::unknown(&cases, &statements::all()).first() {
        return Err(unknown.clone());
    }
    if arguments.uncovered {
        return print(&uncovered(&cases, &arguments.suites)).map(|()| true);
    }
    if let Some(path) = &arguments.document {
        return write(path, document::document(&cases)).map(|()| true);
    }
    let target = arguments.url.as_deref().map(Target::parse).transpose()?;
    let suites = chosen_suites(&arguments.suites, target.as_ref());
    let cases = chosen_cases(cases, &suites, &arguments.cases)?;
    let Some(target) = target else {
        return print(&list(&cases)).map(|()| true);
    };
    if arguments.list {
        return print(&list(&cases)).map(|()| true);
    }
    play(arguments, target, cases).await
}

async fn play(arguments: Arguments, target: Target, cases: Vec<Case>) -> Result<bool, String> {
    let mut settings = Settings::new(&arguments.has)?;
    if !target.scheme.is_web_socket() && cases.iter().any(|case| case.suite == Suite::WebSocket) {
        return Err(format!("the suite websocket is played against ws:// or wss://, not {}://", target.name));
    }
    settings.insert("transport", if target.scheme.is_web_socket() { "ws" } else { "tcp" });
    settings.insert("tls", if target.scheme.is_secure() { "1" } else { "0" });
    let cases = match arguments.configured {
        true => cases.into_iter().filter(|case| settings.configures(case)).collect(),
        false => cases,
    };
    // A wrong address is one message, and not as many failures as there are cases.
    let address = (target.host.as_str(), target.port);
    tokio::net::TcpStream::connect(address)
        .await
        .map_err(|error| format!("no connection to {target}: {error}"))?;
    let setup = Setup {
        host: arguments.stomp_host.unwrap_or_else(|| target.host.clone()),
        login: arguments.user.zip(arguments.password),
        limit: Duration::from_millis(arguments.limit),
        patience: arguments.patience.max(1),
        tls: target.scheme.is_secure().then(|| Tls::new(arguments.ca.as_deref())).transpose()?,
        target: target.clone(),
    };
    let results = run::run(cases, setup, &settings, arguments.jobs).await;
    if let Some(path) = &arguments.junit {
        write(path, report::junit(&results))?;
    }
    if let Some(path) = &arguments.json {
        write(path, format!("{:#}\n", report::json(&results, &target.to_string())))?;
    }
    if let Some(path) = &arguments.verdicts {
        // One that is not there yet has no notes.
        let notes = verdicts::parse(&fs::read_to_string(path).unwrap_or_default())?;
        write(path, verdicts::write(&results, &notes))?;
    }
    print(&report::table(&results, arguments.verbose))?;
    Ok(results.counts().failed == 0)
}

/// What the command line says, else what the URL's scheme says, else all.
fn chosen_suites(given: &[Suite], target: Option<&Target>) -> Vec<Suite> {
    match (given, target.map(|target| target.name.as_str())) {
        ([], Some("mqtt" | "mqtts")) => vec![Suite::Mqtt5, Suite::Mqtt311],
        ([], Some("stomp" | "stomps")) => vec![Suite::Stomp],
        ([], Some("tcp" | "tls")) => vec![Suite::Mqtt5, Suite::Mqtt311, Suite::Stomp],
        ([], _) => Suite::ALL.to_vec(),
        (given, _) => given.to_vec(),
    }
}

fn chosen_cases(cases: Vec<Case>, suites: &[Suite], wanted: &[String]) -> Result<Vec<Case>, String> {
    let mut cases = cases;
    cases.retain(|case| suites.contains(&case.suite));
    if let Some(name) = wanted.iter().find(|name| !cases.iter().any(|case| library::is_meant(case, name))) {
        return Err(format!("--case {name}: no such case or section; --list shows them"));
    }
    if !wanted.is_empty() {
        cases.retain(|case| wanted.iter().any(|name| library::is_meant(case, name)));
    }
    Ok(cases)
}

fn list(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        let needs: Vec<String> =
            case.needs.iter().map(|need| format!(" {}={}", need.key, need.value)).collect();
        text.push_str(&format!("{} [{}]{}\n", case.path(), case.statements.join(" "), needs.concat()));
    }
    text
}

fn uncovered(cases: &[Case], suites: &[Suite]) -> String {
    let mut text = String::new();
    for row in statements::all() {
        let wanted = suites.is_empty() || suites.contains(&row.suite());
        let excluded = || coverage::exclusions().iter().any(|exclusion| exclusion.is_of(&row));
        if wanted && row.observable && !cases.iter().any(|case| row.is_checked_by(case)) && !excluded() {
            text.push_str(&format!("{} {} {}: {}\n", row.version, row.id, row.level, row.paraphrase));
        }
    }
    text
}

fn write(path: &Path, text: String) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// A reader that has gone, such as `head`, is no error.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}
