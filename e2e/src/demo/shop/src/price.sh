# Prices of the shop, in cents.

# price_of ITEM: prints the item's price; fails for an item that the shop does not have.
price_of() {
    awk -v item="$1" '$1 == item { print $2; found = 1 } END { exit !found }' prices.txt
}
