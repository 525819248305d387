# A single-page app: public, so without a secret. Its origin may call the token endpoint.
signet bootstrap --tenant acme --email erin@acme.example --name Erin --password-file password.txt \
  --client shop --client-name "Shop" \
  --redirect-uri "$SHOP/callback" --post-logout-redirect-uri "$SHOP/" --origin "$SHOP" \
  --audience https://orders.example --scope orders:read --scope orders:write

# A server-rendered app: confidential. Its secret is printed once.
signet bootstrap --tenant acme --email erin@acme.example --name Erin --password-file password.txt \
  --client office --client-name "Back office" --confidential \
  --redirect-uri "$OFFICE/callback" --post-logout-redirect-uri "$OFFICE/" \
  --audience https://orders.example --scope orders:read

# A native app: public. The port of a loopback redirect may vary, nothing else.
signet bootstrap --tenant acme --email erin@acme.example --name Erin --password-file password.txt \
  --client desk --client-name "Orders on your desk" \
  --redirect-uri http://127.0.0.1/callback --redirect-uri com.acme.desk:/callback \
  --audience https://orders.example --scope orders:read
