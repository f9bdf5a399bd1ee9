use super::*;
use crate::auth::delete_user;

/// Hashes that other programs made of `pencil`.
const OF_PENCIL: [&str; 5] = [
    // argon2.low_level.hash_secret(b"pencil", b"0123456789abcdef", time_cost=2, memory_cost=19456, parallelism=1,
    // hash_len=32, type=Type.ID), of Python's argon2-cffi 25.1.0
    "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$stzJyf6wzR+1sZ/FVbDqt0v765DMsr6xCu1DEFHYexE",
    // the same with time_cost=1, memory_cost=64, parallelism=2
    "$argon2id$v=19$m=64,t=1,p=2$MDEyMzQ1Njc4OWFiY2RlZg$K024ijRZ9w9i0l80JAf3UdvKlPgzbeT2jJr8a8QblE4",
    // mosquitto_passwd -H sha512 -c -b FILE ann pencil, of mosquitto 2.0.11
    "$6$6ENoGVzvKzF6jWyY$zhokTBNeodzWHJeQ+4F0s7X3X6vTUw7nI7i4lgZot507wScRGN1lz4GvQDUJGB8xM+mpJXO/U9UQEUiBloPexw==",
    // mosquitto_passwd -c -b FILE ann pencil
    "$7$101$mvLTA+wjN+wG2Oca$WbHo0gR5egJznr1bhPj7AO0t4AzCYqECQzX5g/kUxs2sYitpFTSOkixKC3qfZZsck1qfHH34SvTIDkqK4AqHaA==",
    // RFC 5802, section 3, with Python's hashlib.pbkdf2_hmac('sha256', b'pencil', b'0123456789abcdef', 4096)
    SCRAM,
];

const SCRAM: &str = "SCRAM-SHA-256$4096:MDEyMzQ1Njc4OWFiY2RlZg==$nQpbZ77WudtqufPwikHXGRt6g2QJ4zns8bZLw273DRM=:\
                     jn2amWP1q1h+jgjy0YTO14S6/F02SV7taipOeB7ef20=";

/// Hashes that other programs made of the bytes FF 00 FE, which are no text.
const OF_BYTES: [&str; 3] = [
    // argon2-cffi, with a salt and a hash as long as mosquitto 2.1 has them: b"0123456789abcdef" * 4, time_cost=1,
    // memory_cost=64, parallelism=1, hash_len=64
    "$argon2id$v=19$m=64,t=1,p=1$\
     MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg$\
     qwdzvgXXOqO41PYltlM/uQbjXyytv21Kniaa1RCxt1LEVmgb/F+UfBoNyCemygg8tmyzVxc8fOpWG4+FXw/umQ",
    // hashlib.sha512(b"\xff\x00\xfe" + b"0123456789ab")
    "$6$MDEyMzQ1Njc4OWFi$WWfi+RXo0Me4+Wztd8Gltw5u8wIVmz0zMuxdaRK9l3lhejYPTlI/+VlKfSsOebxqABhhJR+hbmPWB2QR0YMuXg==",
    // hashlib.pbkdf2_hmac('sha512', b"\xff\x00\xfe", b"0123456789ab", 101)
    "$7$101$MDEyMzQ1Njc4OWFi$xAtNN/XztGzjrtEtR6nMdpQbqsvQZmCiOHpMXarMzxZlM/HLxgBdvL8JVT9yltLa+dBLVgCEKprDsZ2ry9DQuA==",
];

/// So little work that a test may do it often.
const QUICK: Argon2idCost = Argon2idCost { memory_kib: 8, passes: 1, lanes: 1 };

fn file(text: &str) -> PasswordFile {
    PasswordFile::parse(Path::new("users"), text).unwrap()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::read(text).unwrap()
}

#[test]
fn hashes_of_other_programs_are_known_again() {
    for text in OF_PENCIL {
        let check = file(&format!("ann:{text}\n")).find("ann");
        assert!(check.verify(b"pencil"), "{text}");
        for wrong in [&b"Pencil"[..], b"pencil\n", b"penci", b"", b"\xff"] {
            assert!(!check.verify(wrong), "{wrong:?} for {text}");
        }
        assert_eq!(hash(text).to_string(), text);
    }
    for text in OF_BYTES {
        assert!(hash(text).is_of(b"\xff\x00\xfe"), "{text}");
        assert!(!hash(text).is_of(b"\xff"), "{text}");
    }
}

/// The vectors of the reference implementation: P-H-C/phc-winner-argon2, src/test.c.
#[test]
fn the_vectors_of_argon2_itself() {
    for text in [
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
    ] {
        assert!(hash(text).is_of(b"password"), "{text}");
    }
}

#[test]
fn a_new_hash_is_known_again() {
    let new = PasswordHash::new(b"pencil", QUICK).unwrap();
    let text = new.to_string();
    assert!(text.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{text}");
    assert!(hash(&text).is_of(b"pencil"));
    assert!(!hash(&text).is_of(b"Pencil"));
    assert_ne!(PasswordHash::new(b"pencil", QUICK).unwrap().to_string(), text, "each has a salt of its own");
}

#[test]
fn what_cannot_be_hashed_is_refused() {
    let cost = |memory_kib, passes, lanes| Argon2idCost { memory_kib, passes, lanes };
    let long = [b'x'; PASSWORD_BYTES_MAX + 1];
    for (password, cost, error) in [
        (&b""[..], QUICK, NewHashError::EmptyPassword),
        (&long, QUICK, NewHashError::LongPassword),
        (b"x", cost(7, 1, 1), NewHashError::Cost),
        (b"x", cost(127, 1, 16), NewHashError::Cost),
        (b"x", cost(1024 * 1024 + 1, 1, 1), NewHashError::Cost),
        (b"x", cost(8, 0, 1), NewHashError::Cost),
        (b"x", cost(8, 101, 1), NewHashError::Cost),
        (b"x", cost(8, 1, 0), NewHashError::Cost),
        (b"x", cost(1024, 1, 17), NewHashError::Cost),
        (b"x", cost(1024, 1, u32::MAX), NewHashError::Cost),
    ] {
        assert_eq!(PasswordHash::new(password, cost).err(), Some(error), "{cost:?}");
    }
    let longest = &long[1..];
    assert!(PasswordHash::new(longest, QUICK).unwrap().is_of(longest));
    // hashlib.sha512(b"0123456789ab"): the empty password's hash lets nobody in.
    let of_nothing = "$6$MDEyMzQ1Njc4OWFi$\
        D1Wmwbo//Ju+TOxH6D+S+wXsEYYnYfPIcZXq2z8FSWAnek/S+F/spLYb2grR5FPUl7wZyHna669O5GZ4DjHmyw==";
    assert!(!hash(of_nothing).is_of(b""));
}

#[test]
fn a_user_that_there_is_not_costs_the_same() {
    let [argon2id, other, sha512, pbkdf2, scram] = OF_PENCIL;
    let default = HashCost::Argon2id(Argon2idCost::default());
    for (hashes, cost) in [
        (&[][..], default),
        (&[sha512], HashCost::Sha512),
        (&[sha512, argon2id], default),
        (&[sha512, argon2id, sha512], HashCost::Sha512),
        (&[pbkdf2, pbkdf2, other], HashCost::Pbkdf2 { iterations: 101 }),
        (&[scram, scram, other, argon2id], HashCost::Scram { iterations: 4096 }),
    ] {
        let line = |(index, hash): (usize, &&str)| format!("user{index}:{hash}\n");
        let users = file(&hashes.iter().enumerate().map(line).collect::<String>());
        assert_eq!(users.find("nobody").cost(), cost, "{hashes:?}");
    }
    // The decoy is ann's own hash, and her password does not match it for another name.
    let users = file(&format!("ann:{other}\n"));
    assert!(users.find("ann").verify(b"pencil"));
    for unknown in ["nobody", "Ann", "ann ", ""] {
        assert!(!users.find(unknown).verify(b"pencil"), "{unknown:?}");
    }
}

#[test]
fn what_is_slow() {
    let argon2id = HashCost::Argon2id(QUICK);
    for (cost, is_slow) in [
        (HashCost::Sha512, false),
        (HashCost::Pbkdf2 { iterations: 101 }, false),
        (HashCost::Pbkdf2 { iterations: 1_000 }, false),
        (HashCost::Pbkdf2 { iterations: 1_001 }, true),
        (HashCost::Scram { iterations: 4_096 }, true),
        (argon2id, true),
    ] {
        assert_eq!(cost.is_slow(), is_slow, "{cost:?}");
    }
}

#[test]
fn a_file_as_people_write_it() {
    let [_, hash, sha512, ..] = OF_PENCIL;
    let users =
        file(&format!("# staff\r\n\r\n  \n  # more\n ann lee : {hash} \r\n\u{fc}ml:{sha512}\nbob:{SCRAM}"));
    assert_eq!(users.len(), 3);
    for user in ["ann lee", "\u{fc}ml", "bob"] {
        assert!(users.find(user).verify(b"pencil"), "{user}");
    }
    assert!(file("").is_empty());
}

#[test]
fn the_users_with_a_verifier_may_use_scram() {
    let [_, hash, ..] = OF_PENCIL;
    assert!(file(&format!("ann:{hash}\n")).scram_users().is_none());
    let users = file(&format!("ann:{hash}\nbob:{SCRAM}\n"));
    let scram = users.scram_users().unwrap();
    assert_eq!(scram.len(), 1);
    assert!(scram.find("bob").1 && !scram.find("ann").1);
}

#[test]
fn every_fault_is_shown_and_no_secret() {
    let salt = "MDEyMzQ1Njc4OWFiY2RlZg";
    let hash = "stzJyf6wzR+1sZ/FVbDqt0v765DMsr6xCu1DEFHYexE";
    let argon2id = |version: &str, cost: &str| format!("ann:$argon2id${version}${cost}${salt}${hash}");
    let cost = |cost: &str| argon2id("v=19", cost);
    let [_, _, sha512, pbkdf2, scram] = OF_PENCIL;
    let line = |hash: &str| format!("ann:{hash}");
    let notation = "user ann: expected a hash that begins with $argon2id$";
    for (line, column, fault, shown) in [
        ("ann".to_owned(), 1, "expected a user as name:hash", "…"),
        (line(""), 5, notation, "ann:"),
        (line("s3cret"), 5, notation, "ann:…"),
        (line("  s3cret"), 7, notation, "ann:  …"),
        (line(&format!("$argon2i$v=19$m=64,t=1,p=1${salt}${hash}")), 5, notation, "ann:…"),
        (line("$2b$10$nOUIs5kJ7naTuTFkBy1veuK0kSxUFXfuaOKdOKf9xYT0KKIGSJwFa"), 5, notation, "ann:…"),
        (line("$argon2id$s3cret"), 15, "user ann: expected $argon2id$v=19", "ann:$argon2id$…"),
        (
            cost("m=64,t=1,p=1").replace(salt, ""),
            33,
            "user ann: the salt of argon2id must be 8 to 64 bytes",
            "ann:$argon2id$v=19$m=64,t=1,p=1$…",
        ),
        (
            cost("m=64,t=1,p=1").replace(salt, "MDEyMzQ1Ng"),
            33,
            "user ann: the salt of argon2id",
            "ann:$argon2id$v=19$m=64,t=1,p=1$…",
        ),
        (
            cost("m=64,t=1,p=1").replace(salt, "MDEyMzQ1Njc4OWFiY2RlZg=="),
            33,
            "user ann: the salt of argon2id",
            "ann:$argon2id$v=19$m=64,t=1,p=1$…",
        ),
        (
            cost("m=64,t=1,p=1").replace(hash, "MDEyMzQ1Njc4OWFiY2Rl"),
            56,
            "user ann: the hash of argon2id must be 16 to 64 bytes",
            "ann:$argon2id$v=19$m=64,t=1,p=1$…",
        ),
        (cost("m=64,t=1,p=1") + "$", 15, "user ann: expected $argon2id$v=19", "ann:$argon2id$…"),
        (argon2id("v=16", "m=64,t=1,p=1"), 15, "user ann: only version 19", "ann:$argon2id$v=16…"),
        (argon2id("v=190", "m=64,t=1,p=1"), 15, "user ann: only version 19", "ann:$argon2id$v=190…"),
        (
            cost("m=64,t=1"),
            20,
            "user ann: expected m=<KiB>,t=<passes>,p=<lanes>",
            "ann:$argon2id$v=19$m=64,t=1…",
        ),
        (cost("t=1,m=64,p=1"), 20, "user ann: expected m=", "ann:$argon2id$v=19$t=1,m=64,p=1…"),
        (cost("m=64,t=1,p=1,x=1"), 20, "user ann: expected m=", "ann:$argon2id$v=19$m=64,t=1,p=1,x=1…"),
        (
            cost("m=7,t=1,p=1"),
            22,
            "user ann: m must be a number from 8 to 1048576",
            "ann:$argon2id$v=19$m=7…",
        ),
        (
            cost("m=31,t=1,p=4"),
            22,
            "user ann: m must be a number from 32 to 1048576",
            "ann:$argon2id$v=19$m=31…",
        ),
        (cost("m=1048577,t=1,p=1"), 22, "user ann: m must", "ann:$argon2id$v=19$m=1048577…"),
        (cost("m=99999999999,t=1,p=1"), 22, "user ann: m must", "ann:$argon2id$v=19$m=99999999999…"),
        (cost("m=+64,t=1,p=1"), 22, "user ann: m must", "ann:$argon2id$v=19$m=+64…"),
        (cost("m=,t=1,p=1"), 22, "user ann: m must", "ann:$argon2id$v=19$m=…"),
        (
            cost("m=64,t=0,p=1"),
            27,
            "user ann: t must be a number from 1 to 100",
            "ann:$argon2id$v=19$m=64,t=0…",
        ),
        (cost("m=64,t=101,p=1"), 27, "user ann: t must", "ann:$argon2id$v=19$m=64,t=101…"),
        (
            cost("m=64,t=1,p=0"),
            31,
            "user ann: p must be a number from 1 to 16",
            "ann:$argon2id$v=19$m=64,t=1,p=0…",
        ),
        (cost("m=640,t=1,p=17"), 32, "user ann: p must", "ann:$argon2id$v=19$m=640,t=1,p=17…"),
        (line("$6$s3cret"), 8, "user ann: expected mosquitto's $6$<salt>$<hash>", "ann:$6$…"),
        (
            line(&sha512.replace("$6$6", "$6$")),
            8,
            "user ann: the salt of mosquitto's $6$ and $7$ must be 1 to 64 bytes",
            "ann:$6$…",
        ),
        (
            line(&sha512.replace("==", "")),
            25,
            "user ann: the hash of mosquitto's $6$ and $7$ must be 64 bytes",
            "ann:$6$…",
        ),
        (line(&pbkdf2.replace("$101", "")), 8, "user ann: expected mosquitto's $7$<iterations>$", "ann:$7$…"),
        (
            line(&pbkdf2.replace("$101", "$0")),
            8,
            "user ann: the iterations must be a number from 1 to 10000000",
            "ann:$7$0…",
        ),
        (line(&pbkdf2.replace("$101", "$10000001")), 8, "user ann: the iterations must", "ann:$7$10000001…"),
        (
            line(&scram.replace("$4096", "$10000001")),
            19,
            "user ann: the iterations must",
            "ann:SCRAM-SHA-256$10000001…",
        ),
        (line("SCRAM-SHA-256$s3cret"), 19, "user ann: expected SCRAM-SHA-256$", "ann:SCRAM-SHA-256$…"),
        (
            format!("\u{2168}:{scram}"),
            1,
            "a user's name for SCRAM is as SASLprep (RFC 4013) leaves it: \"IX\"",
            "\u{2168}…",
        ),
        (format!(":{sha512}"), 1, "a user's name is not empty", "…"),
        (format!("an\tn:{sha512}"), 1, "a user's name is not empty", "an\tn…"),
    ] {
        let error = PasswordFile::parse(Path::new("users"), &format!("# staff\n{line}\r\n")).unwrap_err();
        let UserFileError::Line { place, text, excerpt } = &error else { panic!("{error:?}") };
        assert_eq!(*place, format!("users:2:{column}"), "{line}");
        assert!(text.starts_with(fault), "{text} for {line}");
        assert_eq!(excerpt.lines().next(), Some(&*format!("    {shown}")), "{line}");
        let told = format!("{error} {error:?}");
        assert!(![salt, hash, "s3cret"].iter().any(|secret| told.contains(secret)), "{told}");
    }
}

#[test]
fn a_user_stands_in_one_line() {
    let [_, hash, sha512, ..] = OF_PENCIL;
    let text = format!("ann:{hash}\n# bob\nbob:{hash}\n ann:{sha512}\n");
    let error = PasswordFile::parse(Path::new("users"), &text).unwrap_err().to_string();
    assert_eq!(error, "users:4:2: the user ann stands in line 1 as well\n     ann…\n     ^^^");
}

#[test]
fn nothing_of_a_hash_is_in_debug_output() {
    for text in OF_PENCIL {
        let users = file(&format!("ann:{text}\n"));
        let told = format!("{users:?} {:?} {:?} {:?}", users.find("ann"), hash(text), users.scram_users());
        let secrets = text.split(['$', ':']).filter(|part| part.len() > 14);
        let found: Vec<_> = secrets.filter(|secret| told.contains(secret)).collect();
        assert!(told.len() > 20 && found.is_empty(), "{found:?} in {told}");
    }
    let users = file(&format!("ann:{SCRAM}\n"));
    assert_eq!(format!("{:?}", users.find("ann")), format!("{:?}", users.find("nobody")));
}

#[test]
fn users_are_put_and_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    let new = |password: &[u8]| PasswordHash::new(password, QUICK).unwrap();
    put_user(&path, "ann", &new(b"first")).unwrap();
    put_user(&path, "bob", &hash(SCRAM)).unwrap();
    put_user(&path, "ann", &new(b"\xff")).unwrap();
    let users = PasswordFile::load(&path).unwrap();
    assert_eq!(users.len(), 2);
    assert!(users.find("ann").verify(b"\xff") && !users.find("ann").verify(b"first"));
    assert!(users.find("bob").verify(b"pencil"));
    assert!(matches!(put_user(&path, "a:b", &new(b"x")), Err(UserFileError::Name(_))));
    assert!(put_user(&path, "\u{2168}", &new(b"x")).is_ok());
    assert!(matches!(put_user(&path, "\u{2168}", &hash(SCRAM)), Err(UserFileError::Name(_))));
    delete_user(&path, "ann").unwrap();
    assert!(matches!(delete_user(&path, "ann"), Err(UserFileError::NoUser { .. })));
    assert_eq!(PasswordFile::load(&path).unwrap().len(), 2);
}
