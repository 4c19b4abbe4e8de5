# Runs every test of the shop; ends with 1 when one of them fails.
cd "$(dirname "$0")/.." || exit 1
for file in src/*.sh; do
    . "./$file" || exit 1
done

failed=0
cart=$(mktemp)

# expect WHAT FOUND WANTED
expect() {
    if [ "$2" = "$3" ]; then
        echo "ok    $1"
    else
        echo "FAIL  $1: $2 instead of $3"
        failed=1
    fi
}

for file in tests/*_test.sh; do
    : >"$cart"
    . "./$file" || exit 1
done
rm -f "$cart"
exit "$failed"
