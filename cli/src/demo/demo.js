// A script like any other: it knows nothing of the process that drives it.

function greet(name) {
    return `Hello, ${name}!`;
}

function same(a, b) {
    return a === b;
}

function invert(buffer) {
    const bytes = new Uint8Array(buffer);
    return bytes.map(byte => 255 - byte).buffer;
}

function overdraw(amount) {
    const account = { balance: 10 };
    function withdraw() {
        throw new RangeError(`${amount} is more than the balance of ${account.balance}`);
    }
    withdraw();
}

function forever() {
    for (;;) {}
}
