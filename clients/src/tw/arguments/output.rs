//! How messages that arrive are written.

use clap::Args;

use crate::tw::render::Template;

/// One form, or the payload as it is.
#[derive(Args, Debug, Default)]
pub(crate) struct OutputArgs {
    /// Write the topic before the payload.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Write each message as a JSON object on a line of its own.
    #[arg(long, conflicts_with_all = ["verbose", "hex", "base64", "format", "no_line_end"])]
    pub(crate) json: bool,
    /// Write payloads in hexadecimal digits.
    #[arg(long, conflicts_with_all = ["base64", "format"])]
    pub(crate) hex: bool,
    /// Write payloads in Base64.
    #[arg(long, conflicts_with = "format")]
    pub(crate) base64: bool,
    /// Write each message like '%t %p %q', its topic, payload and QoS.
    ///
    /// The signs are mosquitto_sub's: %t topic; %p payload, %x and %X in hexadecimal digits, %b in Base64, %l its length; %q
    /// QoS; %r 1 when retained; %C content type; %D correlation data; %E expiry in seconds; %F 1 when the payload says that
    /// it is text; %R response topic; %P user properties; %S subscription identifiers; %I the time in UTC; %U the seconds
    /// since 1970; %j the JSON object of --json; %J the same with the payload as the JSON that it is; %% a percent sign; \n
    /// \t \r \0 \a \e \v \\.
    #[arg(short = 'F', long, value_name = "FORMAT", conflicts_with = "verbose")]
    pub(crate) format: Option<Template>,
    /// Write no line end behind a message.
    #[arg(short = 'N', long, hide_short_help = true)]
    pub(crate) no_line_end: bool,
}
