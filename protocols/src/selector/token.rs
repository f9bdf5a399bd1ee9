//! A selector's words and signs.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{anychar, char, multispace0, one_of};
use nom::combinator::{map, map_opt, not, peek, recognize, value, verify};
use nom::multi::fold_many0;
use nom::number::complete::recognize_float;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::SelectorError;

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A header's name.
    Name(String),
    /// `AND`, `OR` and the like, in capitals.
    Keyword(&'static str),
    /// A text in single quotes.
    Text(String),
    /// An exact number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// An operator, a parenthesis or a comma.
    Sign(&'static str),
    /// The end.
    End,
}

/// A token, and the column where it begins.
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) column: usize,
    /// As it was written.
    pub(super) text: String,
}

const KEYWORDS: [&str; 11] =
    ["AND", "OR", "NOT", "BETWEEN", "IN", "LIKE", "ESCAPE", "IS", "NULL", "TRUE", "FALSE"];

/// Longer signs come before those they begin with.
const SIGNS: [&str; 13] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-", "*", "/"];

/// Splits a selector into its tokens; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, SelectorError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let column = text[..text.len() - rest.len()].chars().count() + 1;
        if rest.is_empty() {
            tokens.push(Placed { token: Token::End, column, text: "the end".to_owned() });
            return Ok(tokens);
        }
        let Ok((after, token)) = token(rest) else {
            let found = rest.chars().take(12).collect();
            return Err(SelectorError { column, expected: expected(rest), found });
        };
        let written = rest[..rest.len() - after.len()].trim_end().to_owned();
        tokens.push(Placed { token, column, text: written });
        rest = after;
    }
}

/// What was meant to stand where no token is.
fn expected(rest: &str) -> &'static str {
    match rest.chars().next() {
        Some('\'') => "a text that ends with a single quote",
        Some('"') => "a name that ends with a double quote",
        Some('0'..='9' | '.') => "a number, as 10, 1.5 or 6e3",
        _ => "a name, a value or an operator",
    }
}

fn token(input: &str) -> IResult<&str, Token> {
    terminated(alt((number, word, delimited_name, text, sign)), multispace0).parse(input)
}

/// What has a point or an exponent, or more digits than an exact number holds, is inexact.
fn number(input: &str) -> IResult<&str, Token> {
    // A sign before it is an operator, or a sign of whatever follows.
    let unsigned = preceded(peek(one_of("0123456789.")), recognize_float);
    let ends = not(take_while1(is_name_start));
    map_opt(terminated(unsigned, ends), |digits: &str| match digits.parse() {
        Ok(integer) => Some(Token::Integer(integer)),
        // An infinite one would be equal to all others that are too large.
        Err(_) => digits.parse().ok().filter(|number: &f64| number.is_finite()).map(Token::Float),
    })
    .parse(input)
}

fn word(input: &str) -> IResult<&str, Token> {
    let name = recognize((verify(anychar, |first| is_name_start(*first)), take_while(is_name_part)));
    map(name, |name: &str| match KEYWORDS.iter().find(|keyword| keyword.eq_ignore_ascii_case(name)) {
        Some(keyword) => Token::Keyword(keyword),
        None => Token::Name(name.to_owned()),
    })
    .parse(input)
}

fn delimited_name(input: &str) -> IResult<&str, Token> {
    map(quoted('"', "\"\""), Token::Name).parse(input)
}

fn text(input: &str) -> IResult<&str, Token> {
    map(quoted('\'', "''"), Token::Text).parse(input)
}

/// What stands between two quotes; a quote within is doubled.
fn quoted<'i>(
    quote: char,
    doubled: &'static str,
) -> impl Parser<&'i str, Output = String, Error = nom::error::Error<&'i str>> {
    let inner = alt((value(quote, tag(doubled)), verify(anychar, move |letter| *letter != quote)));
    let all = fold_many0(inner, String::new, |mut text, letter| {
        text.push(letter);
        text
    });
    delimited(char(quote), all, char(quote))
}

fn sign(input: &str) -> IResult<&str, Token> {
    let found = SIGNS.into_iter().find(|sign| input.starts_with(sign)).unwrap_or("=");
    value(Token::Sign(found), tag(found)).parse(input)
}

fn is_name_start(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_' || letter == '$'
}

fn is_name_part(letter: char) -> bool {
    is_name_start(letter) || letter.is_numeric() || letter == '.'
}
