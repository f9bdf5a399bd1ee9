//! From tokens to the tree.
//!
//! ```text
//! condition  = conjunct *( "OR" conjunct )                                  binds weakest
//! conjunct   = negation *( "AND" negation )
//! negation   = "NOT" negation | comparison
//! comparison = sum [ ( "=" | "<>" | "<" | "<=" | ">" | ">=" ) sum
//!                  | "IS" [ "NOT" ] "NULL"
//!                  | [ "NOT" ] "BETWEEN" sum "AND" sum
//!                  | [ "NOT" ] "IN" "(" item *( "," item ) ")"
//!                  | [ "NOT" ] "LIKE" text [ "ESCAPE" text ] ]
//! sum        = product *( ( "+" | "-" ) product )
//! product    = signed *( ( "*" | "/" ) signed )
//! signed     = ( "+" | "-" ) signed | primary                               binds strongest
//! primary    = "(" condition ")" | name | literal
//! item       = [ "+" | "-" ] number | literal
//! literal    = text | number | "TRUE" | "FALSE"
//! ```

use super::expression::{Comparison, Expression, Literal, Operation};
use super::like::Pattern;
use super::token::{Placed, Token};
use super::{NESTING_MAX, SelectorError};

/// Reads a whole selector.
pub(super) fn expression(tokens: &[Placed]) -> Result<Expression, SelectorError> {
    let mut parser = Parser { tokens, position: 0, depth: 0 };
    let expression = parser.disjunction()?;
    match parser.peek() {
        Token::End => Ok(expression),
        _ => Err(parser.expected("AND, OR or the end")),
    }
}

struct Parser<'t> {
    /// The last one is the end, which is never passed.
    tokens: &'t [Placed],
    position: usize,
    depth: usize,
}

type Parsed = Result<Expression, SelectorError>;

impl Parser<'_> {
    fn disjunction(&mut self) -> Parsed {
        let mut left = self.conjunction()?;
        while self.takes_keyword("OR") {
            left = Expression::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Parsed {
        let mut left = self.negation()?;
        while self.takes_keyword("AND") {
            left = Expression::And(Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Parsed {
        if self.takes_keyword("NOT") {
            return self.nested(|parser| Ok(Expression::Not(Box::new(parser.negation()?))));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed {
        let left = self.sum()?;
        if let Some(comparison) = self.takes_comparison() {
            return Ok(Expression::Compare(comparison, Box::new(left), Box::new(self.sum()?)));
        }
        if self.takes_keyword("IS") {
            let is_negated = self.takes_keyword("NOT");
            self.expect_keyword("NULL", "NULL or NOT NULL")?;
            return Ok(negated_if(is_negated, Expression::IsNull(Box::new(left))));
        }
        let is_negated = self.takes_keyword("NOT");
        let condition = if self.takes_keyword("BETWEEN") {
            self.between(left)?
        } else if self.takes_keyword("IN") {
            self.list(left)?
        } else if self.takes_keyword("LIKE") {
            self.like(left)?
        } else if is_negated {
            return Err(self.expected("BETWEEN, IN or LIKE"));
        } else {
            return Ok(left);
        };
        Ok(negated_if(is_negated, condition))
    }

    fn between(&mut self, value: Expression) -> Parsed {
        let low = Box::new(self.sum()?);
        self.expect_keyword("AND", "AND and the upper bound")?;
        Ok(Expression::Between { value: Box::new(value), low, high: Box::new(self.sum()?) })
    }

    fn list(&mut self, value: Expression) -> Parsed {
        self.expect_sign("(", "( and a list of values")?;
        let mut list = vec![self.literal()?];
        while self.takes_sign(",") {
            list.push(self.literal()?);
        }
        self.expect_sign(")", ", or )")?;
        Ok(Expression::In { value: Box::new(value), list })
    }

    fn like(&mut self, value: Expression) -> Parsed {
        let pattern = self.text("a pattern in single quotes")?;
        let escape = match self.takes_keyword("ESCAPE") {
            true => {
                let mistake = self.expected("one character in single quotes");
                let escape = self.text("one character in single quotes")?;
                let mut letters = escape.chars();
                match (letters.next(), letters.next()) {
                    (Some(letter), None) => Some(letter),
                    _ => return Err(mistake),
                }
            }
            false => None,
        };
        Ok(Expression::Like { value: Box::new(value), pattern: Pattern::new(&pattern, escape) })
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        loop {
            let operation = match self.peek() {
                Token::Sign("+") => Operation::Add,
                Token::Sign("-") => Operation::Subtract,
                _ => return Ok(left),
            };
            self.position += 1;
            left = Expression::Calculate(operation, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.signed()?;
        loop {
            let operation = match self.peek() {
                Token::Sign("*") => Operation::Multiply,
                Token::Sign("/") => Operation::Divide,
                _ => return Ok(left),
            };
            self.position += 1;
            left = Expression::Calculate(operation, Box::new(left), Box::new(self.signed()?));
        }
    }

    fn signed(&mut self) -> Parsed {
        if self.takes_sign("-") {
            return self.nested(|parser| Ok(Expression::Negate(Box::new(parser.signed()?))));
        }
        if self.takes_sign("+") {
            return self.nested(Self::signed);
        }
        self.primary()
    }

    fn primary(&mut self) -> Parsed {
        if self.takes_sign("(") {
            let inner = self.nested(Self::disjunction)?;
            self.expect_sign(")", ")")?;
            return Ok(inner);
        }
        if let Token::Name(name) = self.peek() {
            let header = Expression::Header(name.clone());
            self.position += 1;
            return Ok(header);
        }
        match self.plain_literal() {
            Some(literal) => Ok(Expression::Literal(literal)),
            None => Err(self.expected("a header's name, a value or (")),
        }
    }

    /// A literal in a list, where a number may have a sign.
    fn literal(&mut self) -> Result<Literal, SelectorError> {
        let is_negative = self.takes_sign("-");
        let is_signed = is_negative || self.takes_sign("+");
        if is_signed && !matches!(self.peek(), Token::Integer(_) | Token::Float(_)) {
            return Err(self.expected("a number"));
        }
        match self.plain_literal() {
            // A token has no sign, so there is nothing that would overflow.
            Some(Literal::Integer(number)) if is_negative => Ok(Literal::Integer(number.wrapping_neg())),
            Some(Literal::Float(number)) if is_negative => Ok(Literal::Float(-number)),
            Some(literal) => Ok(literal),
            None => Err(self.expected("a text or a number")),
        }
    }

    fn plain_literal(&mut self) -> Option<Literal> {
        let literal = match self.peek() {
            Token::Text(text) => Literal::Text(text.clone()),
            Token::Integer(number) => Literal::Integer(*number),
            Token::Float(number) => Literal::Float(*number),
            Token::Keyword("TRUE") => Literal::Boolean(true),
            Token::Keyword("FALSE") => Literal::Boolean(false),
            _ => return None,
        };
        self.position += 1;
        Some(literal)
    }

    fn text(&mut self, expected: &'static str) -> Result<String, SelectorError> {
        match self.peek() {
            Token::Text(text) => {
                let text = text.clone();
                self.position += 1;
                Ok(text)
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// One level deeper: no selector may make this run out of stack.
    fn nested(&mut self, parse: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(self.expected("at most 32 levels of parentheses and negations"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn takes_comparison(&mut self) -> Option<Comparison> {
        let comparison = match self.peek() {
            Token::Sign("=") => Comparison::Equal,
            Token::Sign("<>") => Comparison::NotEqual,
            Token::Sign("<") => Comparison::Less,
            Token::Sign("<=") => Comparison::LessOrEqual,
            Token::Sign(">") => Comparison::Greater,
            Token::Sign(">=") => Comparison::GreaterOrEqual,
            _ => return None,
        };
        self.position += 1;
        Some(comparison)
    }

    fn takes_keyword(&mut self, keyword: &str) -> bool {
        let is_there = matches!(self.peek(), Token::Keyword(found) if *found == keyword);
        self.position += usize::from(is_there);
        is_there
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let is_there = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.position += usize::from(is_there);
        is_there
    }

    fn expect_keyword(&mut self, keyword: &str, expected: &'static str) -> Result<(), SelectorError> {
        if self.takes_keyword(keyword) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn expect_sign(&mut self, sign: &str, expected: &'static str) -> Result<(), SelectorError> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn peek(&self) -> &Token {
        self.tokens.get(self.position).map_or(&Token::End, |placed| &placed.token)
    }

    fn expected(&self, expected: &'static str) -> SelectorError {
        let found = self.tokens.get(self.position).or(self.tokens.last());
        let (column, found) = found.map_or((1, String::new()), |placed| (placed.column, placed.text.clone()));
        SelectorError { column, expected, found }
    }
}

fn negated_if(is_negated: bool, condition: Expression) -> Expression {
    if is_negated { Expression::Not(Box::new(condition)) } else { condition }
}
