add_to_cart "$cart" kettle 1
add_to_cart "$cart" bread 1
expect "a total is the sum of its items" "$(order_total "$cart")" 6350
