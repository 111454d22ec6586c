"""Texts that regular expressions could go wrong with."""

# Each to be repeated until it is long.
UNITS = [
    *("a", "A1b", "\\", '"', "'", "[", "{", "\n", " ", "\x00", "_", "a-", "a/", "://", "a:b@", "eyJ", "=>", "\u0130"),
    *(
        "token",
        "token ",
        "token=",
        "token\\",
        "token: '",
        "'token': (",
        '"token": [',
        '"token": [\\',
        "secret_",
        "'it's'",
    ),
    *('\\"token\\": \\"', '"token": ["\'', '"token": {"a": ', "password\\\\\\", "bearer ", "bearer a", "cookie: ; "),
    *(
        "cookie: x",
        "authorization: a; b=",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "[parameters: ",
        "ghp_",
        "sk-",
    ),
    *("failing row contains (", '{"a":', '["[', '"a": ', '"body": "', "'a' => ", "Aa1" * 11 + " ", "Aa1" * 11 + "/"),
    *("+", "secret", 'token="', "token=\\", "Bearer ", "a.b@"),
    *('\\"', "\\\\'", '"token": \\"a"', '\\\\\\"token\\\\\\": \\\\\\"a\\"'),
]
