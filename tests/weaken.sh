#!/usr/bin/env bash
# Shows that every strong ordering is needed: weakens each line tagged `// pairs: NAME` on its own,
# runs the loom models on the result, and expects at least one of them to fail.
#
#   tests/weaken.sh           all of them
#   tests/weaken.sh park      those of one pair
#
# Prints a line for each: file, line, pair, and the models that caught it. Fails if one survives.
set -euo pipefail
cd "$(dirname "$0")/.."
only=${1:-}
work=$PWD/target/weaken
copy=$work/copy
export CARGO_TARGET_DIR=$work/target RUSTFLAGS="--cfg loom"

# Only what is weakened is copied; the manifests want the rest to be where they say.
rm -rf "$copy"
mkdir -p "$copy"
for entry in *; do
    case $entry in
    target) ;;
    src | tests | Cargo.*) cp -r "$entry" "$copy" ;;
    *) ln -s "$PWD/$entry" "$copy" ;;
    esac
done
cd "$copy"

# Builds the models and prints the path of their program.
build() {
    if ! cargo test --release --test loom --no-run >"$work/build.log" 2>&1; then
        cat "$work/build.log" >&2
        exit 1
    fi
    sed -n 's/.*(\(.*loom-[0-9a-f]*\))$/\1/p' "$work/build.log"
}

# Runs each model by itself, since a failed one may abort; prints the names of those that fail.
failing() {
    local program=$1 model
    for model in $("$program" --list 2>/dev/null | sed -n 's/: test$//p'); do
        local status=0
        timeout 300 "$program" --exact "$model" >"$work/$model.log" 2>&1 || status=$?
        case $status in
        0) ;;
        124) echo "$model:timeout" ;;
        *) echo "$model" ;;
        esac
    done
}

# Takes the strength from one line. Loom runs each thread in the order of its program, so to it an
# acquire load that holds back a later *store* looks needless; for that one, w0 of the futex, this
# does what `Relaxed` would let a processor do, and lets the store w1 go first.
weaken() {
    local file=$1 line=$2
    case $3 in
    *'// w0'*) sed -E -i "${line}{s/\bAcquire\b/crate::sync::Relaxed/;h;d};/\/\/ w1\$/G" "$file" ;;
    *) sed -E -i "${line}{s/\b(Acquire|Release)\b/crate::sync::Relaxed/;s/fence\(SeqCst\);//}" "$file" ;;
    esac
}

program=$(build)
failed=$(failing "$program")
if [ -n "$failed" ]; then
    echo "models fail before anything is weakened: $failed"
    exit 1
fi

survived=0 count=0
for file in src/futex/*.rs src/ring/*.rs; do
    for line in $(sed -n '/\/\/ .*pairs: /=' "$file"); do
        text=$(sed -n "${line}p" "$file")
        pair=${text##*pairs: }
        [ -z "$only" ] || [ "$only" = "$pair" ] || continue
        cp "$file" "$work/original"
        weaken "$file" "$line" "$text"
        if [ "$(cksum <"$file")" = "$(cksum <"$work/original")" ]; then
            echo "$file:$line: $pair: nothing to weaken in this line"
            exit 1
        fi
        program=$(build)
        caught=$(failing "$program" | tr '\n' ' ')
        case $caught in
        '' | *:timeout*) verdict="SURVIVED ${caught}" survived=$((survived + 1)) ;;
        *) verdict="caught by ${caught% }" ;;
        esac
        echo "$file:$line: $pair: $verdict"
        count=$((count + 1))
        cp "$work/original" "$file"
    done
done

echo "$count weakenings, $survived survived"
[ "$count" -gt 0 ] && [ "$survived" -eq 0 ]
