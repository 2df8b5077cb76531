second=0
while [ "$second" -lt 50 ]; do
    printf '[2024-01-01 10:00:%02d,001] WARN [AdminClient] Connection to node -1 terminated during authentication.\n' "$second"
    second=$((second + 1))
done
echo 'Error while executing topic command : Timed out waiting for a node assignment. Call: listTopics'
