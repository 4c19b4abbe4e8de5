# What an order costs, in cents.

# order_total CART: prints the total of everything in the cart.
order_total() {
    total=0
    while read -r item quantity; do
        total=$((total + quantity * $(price_of "$item")))
    done <"$1"
    echo "$total"
}
