# The cart: a file with a line "ITEM QUANTITY" for each item.

# add_to_cart CART ITEM QUANTITY: fails for an item that the shop does not have.
add_to_cart() {
    if ! price_of "$2" >/dev/null; then
        echo "no such item: $2" >&2
        return 1
    fi
    echo "$2 $3" >>"$1"
}
